"""Every form, address and command meets what nobody should send."""
