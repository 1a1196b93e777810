"""What the portal costs, as ratios to a floor measured in the same run: `make bench`.

`floor` is the least that a sign-in can be, `ground` what both stand on, `load` people who sign in
and the CPU that they cost, `sweeping` the lifecycle against one set-based statement.
"""
