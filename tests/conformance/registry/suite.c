/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of berth/registry.h as cases; docs/drivers/registry.md has the case beside each
 * sentence. */
#include "tests/conformance/registry/rig.h"

static const struct suite_trait traits[] = {
	{"place", "file", "an archive is a 'file' or a 'dir'"},
	{"repo", "example.org/suite/demo", "repository (archives: whole name) to use"},
	{"ref", "1", "tag to use"},
	{"fixture", "", "no push: archive, or base address, in which repo:ref is"},
	{"digest", "", "no push: digest of that manifest"},
	{"host", "registry.invalid", "servers: name of the host"},
	{"base", "", "servers: base address, if it is not the host's own"},
	{"uploads", "many", "'one': blobs go up one after the other, the next one is BUSY"},
	{"unknown_length", "yes", "'no': the length of a blob must be known before"},
	{"verifies", "yes", "'no': pushed bytes are not hashed, only counted"},
	{"untagged", "listed", "'kept': a manifest without a tag is there, and in no list"},
	{0},
};

static const suite_cases_fn cases[] = {registry_pull_cases,
				       registry_push_cases,
				       registry_list_cases,
				       registry_bad_cases,
				       registry_net_cases,
				       registry_whole_cases,
				       NULL};

const struct suite registry_suite = {
	.kind = BERTH_REGISTRY,
	.traits = traits,
	.cases = cases,
};
