/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container/spec_parts.h"

const char *spec_shown(const char *text, char out[static SPEC_SHOWN_MAX])
{
	size_t n = 0;

	/* bytes of UTF-8 pass; a control character could forge a second line, or move a cursor */
	for (; text[n] && n < SPEC_SHOWN_MAX - 1; n++)
		out[n] = (unsigned char)text[n] < ' ' || text[n] == 0x7f ? '?' : text[n];
	out[n] = '\0';
	return out;
}
