"""What memory images hold and what becomes of them on a small host: the computing below the
commands.

``sharing.survey`` counts what sharing and compression would give back; ``overcommit.overcommit``
puts images on a host that is too small for them and reads every byte back; ``programs`` starts the
ordinary programs whose memory `pageengine demo` uses.
"""
