"""Where pages lie: frames, the sharing table, the compression cache with its codecs, swap space.
Each is of use by itself.
"""
