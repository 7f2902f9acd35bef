"""What every package may use, and what knows nothing of memory: values as they come in, files,
signals, locks, records.
"""
