/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer: an archive that is being made or added to. Blobs go where they belong at once; the index,
 * which makes them visible, comes last, in writer_finish.
 *
 * A layout in a directory is locked against other writers for as long as the writer lives (flock on
 * the directory). A tar takes one blob at a time.
 */
#ifndef ARCHIVE_WRITER_H
#define ARCHIVE_WRITER_H

#include "archive.h"
#include "tar_writer.h"

/** A manifest that was put, under all its names. */
struct put {
	struct digest digest;
	char *media_type;
	char *text; /* its bytes */
	size_t n;
	char **names; /* as "repo:ref" or "ref" */
};

struct writer {
	struct session *s; /* to which it belongs */
	bool is_dir;
	struct record *index; /* what will be index.json */
	char **blobs;	      /* digests that are in a tar; that are new in a directory */
	char **children;      /* digests that indexes of ours refer to */
	struct put *put;
	size_t n_put;
	unsigned uploads;      /* open ones */
	unsigned temps;	       /* temporary files so far, for their names */
	struct tar_writer tar; /* unless is_dir */
};

/* All of these but writer_finish and writer_drop want the instance's lock held. */

/** BUSY: another process writes to this directory. */
int writer_new(struct session *s, struct writer **ret, struct berth_error *err);
void writer_free(struct writer *w);
bool writer_has_blob(const struct writer *w, const char *digest);
int writer_note_blob(struct writer *w, const char *digest, struct berth_error *err);
/** The blob is in; now it is a manifest, called @repo:@ref, or nothing if @ref is "". */
int writer_note_manifest(struct writer *w, const struct berth_desc *desc, const char *repo,
			 const char *ref, struct berth_str bytes, struct berth_error *err);
/** A name for a temporary file in the directory. */
int writer_temp(struct writer *w, char **ret, struct berth_error *err);

int writer_finish(struct writer *w, struct berth_op *op, struct berth_error *err);
void writer_drop(struct writer *w);

#endif
