"""An identity provider that lies, one switch for each lie."""
