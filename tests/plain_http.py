"""Plain HTTP, for what is asked many times a second."""

NO_TLS = False
"""`verify=` of a client without TLS: to read the authorities' certificates would take 30 ms of a core."""
