"""The core's host as Python objects, and the models that run beside it in C: the guest, the device,
draws. Converts, locks, raises; decides nothing.
"""
