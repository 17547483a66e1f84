#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# embed.sh IMAGE OUTPUT.S: an assembly file that holds IMAGE between two symbols.
cat > "$2" <<END
	.section .rodata
	.global guest_image, guest_image_end
	.balign 16
guest_image:
	.incbin "$1"
guest_image_end:
	.byte 0
	.section .note.GNU-stack, "", @progbits
END
