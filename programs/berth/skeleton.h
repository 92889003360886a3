/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skeleton: the files that a new driver's project begins with, as they are in
 * plugins/example/skeleton. Their texts are part of the program, so that nothing has to be
 * installed where it is to be found.
 */
#ifndef BERTH_SKELETON_H
#define BERTH_SKELETON_H

struct skeleton {
	const char *kind;   /* "storage"; NULL ends the table */
	const char *source; /* the C file */
	const char *about;  /* what is particular to the kind, for README.md */
	const char *flags;  /* for the conformance suite, as a shell takes them */
	const char *test;   /* the same as meson writes it */
	const char *link;   /* dependencies besides the headers, as meson writes them */
};
extern const struct skeleton skeletons[];
extern const char skeleton_meson[];
extern const char skeleton_readme[];
extern const char skeleton_ignore[];

#endif
