/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb: the table of all verbs, by which they are found, helped with, and checked.
 */
#ifndef BERTH_VERB_H
#define BERTH_VERB_H

#include "cli.h"
#include "option.h"

enum verb_section {
	SECTION_NONE, /* not on the first page of help: its group is */
	SECTION_MORE, /* only its name is */
	SECTION_CONTAINERS,
	SECTION_IMAGES,
	SECTION_ENGINE,
};

enum verb_flags {
	VERB_HIDDEN = 1u << 0,	 /* in no help at all */
	VERB_IN_ORDER = 1u << 1, /* flags end at the first argument */
	VERB_RUNS = 1u << 2,	 /* failures are 125, 126, 127: others are the program's */
};

enum { ARGS_ANY = -1 };

struct verb {
	const char *names; /* "ps|container ls|container list": the first is the name */
	const char *usage; /* what follows the name */
	const char *doc;   /* short: two columns of them are one screen; tests measure it */
	enum verb_section section;
	int min_args, max_args;
	unsigned flags;
	const struct option *options; /* may be NULL */
	int (*run)(struct cli *cli, const struct options *o);
};

extern const struct verb verbs[];
extern const size_t n_verbs;

/** The words before verbs: "container", "image", "system" … */
extern const char *const verb_groups[];
extern const size_t n_verb_groups;
bool verb_is_group(const char *word);
/**
 * The verb that @argv begins with, and of how many words its name is. NOT_FOUND with a suggestion,
 * or with what to do when docker has one that we do not have (yet).
 */
int verb_find(char *const *argv, const struct verb **ret, size_t *ret_words,
	      struct berth_error *err);

/* help.c: texts, appended to @out */
void help_overview(struct str *out);
void help_group(const char *group, struct str *out);
void help_verb(const struct verb *verb, const char *name, struct str *out);
extern const struct option global_options[];

/* one file each */
int attach_verb(struct cli *cli, const struct options *o);
int commit_verb(struct cli *cli, const struct options *o);
int config_check_verb(struct cli *cli, const struct options *o);
int config_show_verb(struct cli *cli, const struct options *o);
int cp_verb(struct cli *cli, const struct options *o);
int create_verb(struct cli *cli, const struct options *o);
int diff_verb(struct cli *cli, const struct options *o);
int doctor_verb(struct cli *cli, const struct options *o);
int driver_inspect_verb(struct cli *cli, const struct options *o);
int driver_list_verb(struct cli *cli, const struct options *o);
int driver_new_verb(struct cli *cli, const struct options *o);
int driver_test_verb(struct cli *cli, const struct options *o);
int exec_verb(struct cli *cli, const struct options *o);
int export_verb(struct cli *cli, const struct options *o);
int history_verb(struct cli *cli, const struct options *o);
int images_verb(struct cli *cli, const struct options *o);
int import_verb(struct cli *cli, const struct options *o);
int info_verb(struct cli *cli, const struct options *o);
int inspect_verb(struct cli *cli, const struct options *o);
int kill_verb(struct cli *cli, const struct options *o);
int load_verb(struct cli *cli, const struct options *o);
int logs_verb(struct cli *cli, const struct options *o);
int network_connect_verb(struct cli *cli, const struct options *o);
int network_create_verb(struct cli *cli, const struct options *o);
int network_disconnect_verb(struct cli *cli, const struct options *o);
int network_list_verb(struct cli *cli, const struct options *o);
int network_prune_verb(struct cli *cli, const struct options *o);
int network_reconcile_verb(struct cli *cli, const struct options *o);
int network_rm_verb(struct cli *cli, const struct options *o);
int network_sweep_verb(struct cli *cli, const struct options *o);
int pause_verb(struct cli *cli, const struct options *o);
int port_verb(struct cli *cli, const struct options *o);
int ps_verb(struct cli *cli, const struct options *o);
int rm_verb(struct cli *cli, const struct options *o);
int rmi_verb(struct cli *cli, const struct options *o);
int run_verb(struct cli *cli, const struct options *o);
int save_verb(struct cli *cli, const struct options *o);
int start_verb(struct cli *cli, const struct options *o);
int stop_verb(struct cli *cli, const struct options *o);
int storage_list_verb(struct cli *cli, const struct options *o);
int storage_migrate_verb(struct cli *cli, const struct options *o);
int system_check_verb(struct cli *cli, const struct options *o);
int system_finish_verb(struct cli *cli, const struct options *o);
int system_tidy_verb(struct cli *cli, const struct options *o);
int tag_verb(struct cli *cli, const struct options *o);
int unpause_verb(struct cli *cli, const struct options *o);
int version_verb(struct cli *cli, const struct options *o);
int container_prune_verb(struct cli *cli, const struct options *o);
int image_prune_verb(struct cli *cli, const struct options *o);
int volume_create_verb(struct cli *cli, const struct options *o);
int volume_list_verb(struct cli *cli, const struct options *o);
int volume_rm_verb(struct cli *cli, const struct options *o);
int volume_prune_verb(struct cli *cli, const struct options *o);
int df_verb(struct cli *cli, const struct options *o);
int system_prune_verb(struct cli *cli, const struct options *o);
int wait_verb(struct cli *cli, const struct options *o);

extern const struct option attach_options[], commit_options[], cp_options[], export_options[],
	config_options[], doctor_options[], driver_inspect_options[], driver_test_options[],
	exec_options[], format_options[], history_options[], images_options[], import_options[],
	inspect_options[], inspect_one_options[], kill_options[], load_options[], logs_options[],
	inspect_network_options[], network_connect_options[], network_create_options[],
	network_disconnect_options[], network_list_options[], network_rm_options[], ps_options[],
	rm_options[], rmi_options[], run_options[], prune_options[], prune_all_options[],
	system_prune_options[], port_options[], volume_create_options[], volume_list_options[],
	volume_rm_options[], df_options[], storage_list_options[], storage_migrate_options[],
	save_options[], start_options[], stop_options[], system_check_options[];

#endif
