"""The real template and the real binaries on the local AWS, under applications that never stop."""
