"""`make demo`: a service moves to another account and Region while it works, goes back, goes again, and completes."""
