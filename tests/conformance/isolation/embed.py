#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""embed.py FILE OUT.S NAME: an assembler file with FILE's bytes from NAME to NAME_end."""
import os
import sys

source, out, name = sys.argv[1:]
with open(out, "w") as f:
    f.write(f'''\t.section .rodata
\t.global {name}, {name}_end
\t.balign 16
{name}:
\t.incbin "{os.path.abspath(source)}"
{name}_end:
\t.byte 0
\t.section .note.GNU-stack,"",%progbits
''')
