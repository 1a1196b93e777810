"""The shell's edge: translate, call, print; one line on stderr when it is refused."""
