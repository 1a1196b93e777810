"""HTTP in, HTML out, by the person served: translate, call, render; decide nothing.

``sign_in`` and ``arrival`` for whoever stands at the door, ``staff_sign_in`` for employees,
``guest`` for guests, ``sponsor`` and ``admin`` for employees. ``viewer`` says who asks.
"""
