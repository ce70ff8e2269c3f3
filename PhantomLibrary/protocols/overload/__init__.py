"""What keeps a node that is asked for more than it can do from doing nothing at all."""
