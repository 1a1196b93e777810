"""What a guest may be entitled to: applications of the host and the entitlements in them."""
