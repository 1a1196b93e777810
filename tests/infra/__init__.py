"""What the tests stand on: real databases, queue, mail, browser and identity providers."""
