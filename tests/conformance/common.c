/* SPDX-License-Identifier: Apache-2.0 */
/* Cases for drivers of all kinds: the head, and what open and close promise. */
#include "tests/conformance/run.h"

START_TEST(to_close_nothing_is_fine)
{
	suite_driver()->close(NULL);
}
END_TEST

SUITE_CASES(common_cases, to_close_nothing_is_fine);
