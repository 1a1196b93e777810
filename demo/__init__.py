"""The portal with everything around it, on loopback: `make demo` runs ``python -m demo``.

The identity providers are real ones that others wrote (Canaille, oidc-provider-mock), the mail sink
speaks SMTP, and the portal is started as anybody would start it: ``portal up``.
"""
