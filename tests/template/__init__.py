"""What can be known of template, state machines and events without deploying them."""
