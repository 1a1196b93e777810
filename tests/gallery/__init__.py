"""Every page of every role, with a world in which each has something to show."""
