/* SPDX-License-Identifier: Apache-2.0 */
#include "verb.h"

#include <string.h>

#include "create_options.h"

enum { NAMES_MAX = 128 };

/* clang-format off */
const struct verb verbs[] = {
	{"run|container run", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create and start a container", SECTION_CONTAINERS,
	 1, ARGS_ANY, VERB_IN_ORDER | VERB_RUNS, run_options, run_verb},
	{"create|container create", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a container", SECTION_MORE,
	 1, ARGS_ANY, VERB_IN_ORDER, create_options, create_verb},
	{"start|container start", "[OPTIONS] CONTAINER [CONTAINER...]", "Start containers", SECTION_CONTAINERS,
	 1, ARGS_ANY, 0, start_options, start_verb},
	{"stop|container stop", "[OPTIONS] CONTAINER [CONTAINER...]", "Stop containers", SECTION_CONTAINERS,
	 1, ARGS_ANY, 0, stop_options, stop_verb},
	{"kill|container kill", "[OPTIONS] CONTAINER [CONTAINER...]", "Send them a signal", SECTION_MORE,
	 1, ARGS_ANY, 0, kill_options, kill_verb},
	{"pause|container pause", "CONTAINER [CONTAINER...]", "Freeze all in them", SECTION_MORE,
	 1, ARGS_ANY, 0, NULL, pause_verb},
	{"unpause|container unpause", "CONTAINER [CONTAINER...]", "Let them go on", SECTION_MORE,
	 1, ARGS_ANY, 0, NULL, unpause_verb},
	{"wait|container wait", "CONTAINER [CONTAINER...]", "Wait for their ends", SECTION_MORE,
	 1, ARGS_ANY, 0, NULL, wait_verb},
	{"rm|container rm|container remove", "[OPTIONS] CONTAINER [CONTAINER...]", "Remove containers", SECTION_CONTAINERS,
	 1, ARGS_ANY, 0, rm_options, rm_verb},
	{"ps|container ls|container list|container ps", "[OPTIONS]", "List containers", SECTION_CONTAINERS,
	 0, 0, 0, ps_options, ps_verb},
	{"logs|container logs", "[OPTIONS] CONTAINER", "Show what one printed", SECTION_CONTAINERS,
	 1, 1, 0, logs_options, logs_verb},
	{"exec|container exec", "[OPTIONS] CONTAINER COMMAND [ARG...]", "Run a command in one", SECTION_CONTAINERS,
	 2, ARGS_ANY, VERB_IN_ORDER, exec_options, exec_verb},
	{"attach|container attach", "[OPTIONS] CONTAINER", "Connect to its streams", SECTION_MORE,
	 1, 1, 0, attach_options, attach_verb},
	{"cp|container cp", "[OPTIONS] CONTAINER:SRC DEST|- | SRC|- CONTAINER:DEST", "Copy files in or out", SECTION_CONTAINERS,
	 2, 2, 0, cp_options, cp_verb},
	{"diff|container diff", "CONTAINER", "Show what one has changed", SECTION_MORE,
	 1, 1, 0, NULL, diff_verb},
	{"export|container export", "[OPTIONS] CONTAINER", "Write its files as a tar", SECTION_MORE,
	 1, 1, 0, export_options, export_verb},
	{"commit|container commit", "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]", "Make an image of one", SECTION_CONTAINERS,
	 1, 2, 0, commit_options, commit_verb},
	{"container prune", "[OPTIONS]", "Remove all stopped containers", SECTION_NONE,
	 0, 0, 0, prune_options, container_prune_verb},
	{"images|image ls|image list", "[OPTIONS] [REPOSITORY[:TAG]]", "List images", SECTION_IMAGES,
	 0, 1, 0, images_options, images_verb},
	{"load|image load", "[OPTIONS]", "Load images from an archive", SECTION_IMAGES,
	 0, 0, 0, load_options, load_verb},
	{"save|image save", "[OPTIONS] IMAGE [IMAGE...]", "Write images into an archive", SECTION_IMAGES,
	 1, ARGS_ANY, 0, save_options, save_verb},
	{"import|image import", "[OPTIONS] FILE|- [REPOSITORY[:TAG]]", "Make one of a filesystem", SECTION_MORE,
	 1, 2, 0, import_options, import_verb},
	{"tag|image tag", "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", "Give one a further name", SECTION_IMAGES,
	 2, 2, 0, NULL, tag_verb},
	{"history|image history", "[OPTIONS] IMAGE", "Show how one was made", SECTION_MORE,
	 1, 1, 0, history_options, history_verb},
	{"rmi|image rm|image remove", "[OPTIONS] IMAGE [IMAGE...]", "Remove images", SECTION_IMAGES,
	 1, ARGS_ANY, 0, rmi_options, rmi_verb},
	{"image prune", "[OPTIONS]", "Remove unused images", SECTION_NONE,
	 0, 0, 0, prune_all_options, image_prune_verb},
	{"volume create", "[OPTIONS] [VOLUME]", "Create a volume", SECTION_NONE,
	 0, 1, 0, volume_create_options, volume_create_verb},
	{"volume ls|volume list", "[OPTIONS]", "List volumes", SECTION_NONE,
	 0, 0, 0, volume_list_options, volume_list_verb},
	{"volume inspect", "[OPTIONS] VOLUME [VOLUME...]", "Show all about volumes", SECTION_NONE,
	 1, ARGS_ANY, 0, inspect_one_options, inspect_verb},
	{"volume rm|volume remove", "[OPTIONS] VOLUME [VOLUME...]", "Remove volumes", SECTION_NONE,
	 1, ARGS_ANY, 0, volume_rm_options, volume_rm_verb},
	{"volume prune", "[OPTIONS]", "Remove unused volumes", SECTION_NONE,
	 0, 0, 0, prune_all_options, volume_prune_verb},
	{"network create", "[OPTIONS] NETWORK", "Create a network", SECTION_NONE,
	 1, 1, 0, network_create_options, network_create_verb},
	{"network ls|network list", "[OPTIONS]", "List networks", SECTION_NONE,
	 0, 0, 0, network_list_options, network_list_verb},
	{"network inspect", "[OPTIONS] NETWORK [NETWORK...]", "Show all about networks", SECTION_NONE,
	 1, ARGS_ANY, 0, inspect_network_options, inspect_verb},
	{"network rm|network remove", "[OPTIONS] NETWORK [NETWORK...]", "Remove networks", SECTION_NONE,
	 1, ARGS_ANY, 0, network_rm_options, network_rm_verb},
	{"network prune", "[OPTIONS]", "Remove unused networks", SECTION_NONE,
	 0, 0, 0, prune_options, network_prune_verb},
	{"network connect", "[OPTIONS] NETWORK CONTAINER", "Connect a container", SECTION_NONE,
	 2, 2, 0, network_connect_options, network_connect_verb},
	{"network disconnect", "[OPTIONS] NETWORK CONTAINER", "Disconnect one", SECTION_NONE,
	 2, 2, 0, network_disconnect_options, network_disconnect_verb},
	{"network reconcile", "", "Put back what should be there", SECTION_NONE,
	 0, 0, 0, NULL, network_reconcile_verb},
	{"network sweep", "", "", SECTION_NONE,
	 0, 0, VERB_HIDDEN, NULL, network_sweep_verb},
	{"port|container port", "[OPTIONS] CONTAINER [PORT[/PROTO]]", "Show where ports are published", SECTION_MORE,
	 1, 2, 0, port_options, port_verb},
	{"inspect", "[OPTIONS] NAME|ID [NAME|ID...]", "Show all about objects", SECTION_ENGINE,
	 1, ARGS_ANY, 0, inspect_options, inspect_verb},
	{"container inspect", "[OPTIONS] CONTAINER [CONTAINER...]", "Show all about containers", SECTION_NONE,
	 1, ARGS_ANY, 0, inspect_one_options, inspect_verb},
	{"image inspect", "[OPTIONS] IMAGE [IMAGE...]", "Show all about images", SECTION_NONE,
	 1, ARGS_ANY, 0, inspect_one_options, inspect_verb},
	{"version", "[OPTIONS]", "Show versions", SECTION_ENGINE,
	 0, 0, 0, format_options, version_verb},
	{"info|system info", "[OPTIONS]", "Describe the engine", SECTION_ENGINE,
	 0, 0, 0, format_options, info_verb},
	{"doctor|system doctor", "[OPTIONS]", "Check host and drivers", SECTION_ENGINE,
	 0, 0, 0, doctor_options, doctor_verb},
	{"system df", "[OPTIONS]", "Show what takes how much room", SECTION_NONE,
	 0, 0, 0, df_options, df_verb},
	{"system prune", "[OPTIONS]", "Remove all that is unused", SECTION_NONE,
	 0, 0, 0, system_prune_options, system_prune_verb},
	{"system check", "[OPTIONS]", "Check/repair the state", SECTION_NONE,
	 0, 0, 0, system_check_options, system_check_verb},
	{"system finish", "CONTAINER", "", SECTION_NONE,
	 1, 1, VERB_HIDDEN, NULL, system_finish_verb},
	{"system tidy", "", "", SECTION_NONE,
	 0, 0, VERB_HIDDEN, NULL, system_tidy_verb},
	{"storage ls|storage list", "[OPTIONS]", "Show what storage drivers hold", SECTION_NONE,
	 0, 0, 0, storage_list_options, storage_list_verb},
	{"storage migrate", "[OPTIONS] [NAME...]", "Move all to another storage driver", SECTION_NONE,
	 0, ARGS_ANY, 0, storage_migrate_options, storage_migrate_verb},
	{"driver ls|driver list", "[OPTIONS]", "List driver files", SECTION_NONE,
	 0, 0, 0, format_options, driver_list_verb},
	{"driver inspect", "[OPTIONS] NAME|FILE [NAME|FILE...]", "Describe a driver", SECTION_NONE,
	 1, ARGS_ANY, 0, driver_inspect_options, driver_inspect_verb},
	{"driver new", "KIND NAME [DIRECTORY]", "Begin a driver of your own", SECTION_NONE,
	 2, 3, 0, NULL, driver_new_verb},
	{"driver test", "[OPTIONS] FILE", "Test a driver file", SECTION_NONE,
	 1, 1, 0, driver_test_options, driver_test_verb},
	{"config check", "[FILE]", "Check a config file", SECTION_NONE,
	 0, 1, 0, NULL, config_check_verb},
	{"config show", "[OPTIONS]", "Show values in effect", SECTION_NONE,
	 0, 0, 0, config_options, config_show_verb},
};
/* clang-format on */

const size_t n_verbs = sizeof(verbs) / sizeof(verbs[0]);

const char *const verb_groups[] = {"container", "image", "volume", "network", "storage", "system", "driver", "config"};
const size_t n_verb_groups = sizeof(verb_groups) / sizeof(verb_groups[0]);

/* what people who know docker may try, and we do not have yet */
static const char *const missing[] = {
	"build", "builder", "buildx", "checkpoint", "compose",  "context", "events",  "login",	    "logout", "manifest", "node",
	"plugin",       "pull",   "push",	  "rename",  "restart",
	"search",  "secret", "service",    "stack",  "stats",	  "swarm",   "top",
	"trust", "update",     };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool has_word(const char *const words[], size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

bool verb_is_group(const char *word)
{
	return has_word(verb_groups, n_verb_groups, word);
}

/* one of the names between bars */
static bool is_named(const struct verb *verb, const char *name)
{
	const char *at = verb->names;
	size_t n = strlen(name);

	for (;;) {
		size_t len = strcspn(at, "|");

		if (len == n && memcmp(at, name, n) == 0)
			return true;
		if (!at[len])
			return false;
		at += len + 1;
	}
}

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < n_verbs; i++)
		if (is_named(&verbs[i], name))
			return &verbs[i];
	return NULL;
}

/* the nearest name among those that are of as many words */
static void suggest(const char *name, struct berth_error *err)
{
	cleanup_strv char **all = NULL;
	const char *near;

	for (size_t i = 0; i < n_verbs; i++) {
		cleanup_strv char **names = strv_split(verbs[i].names, '|');

		if (!(verbs[i].flags & VERB_HIDDEN))
			(void)strv_add_all(&all, names); /* without memory there is no suggestion */
	}
	near = str_nearest(name, (const char *const *)all, strv_len(all));
	if (near)
		berth_error_hint(err, "did you mean 'berth %s'?", near);
}

int verb_find(char *const *argv, const struct verb **ret, size_t *ret_words,
	      struct berth_error *err)
{
	bool in_group = verb_is_group(argv[0]) && argv[1] && argv[1][0] != '-';
	cleanup_free char *name = in_group ? str_fmt("%s %s", argv[0], argv[1]) : strdup(argv[0]);
	const struct verb *verb = name ? find(name) : NULL;

	if (!name)
		return berth_fail(err, BERTH_E_NO_MEMORY, "out of memory");
	if (verb) {
		*ret = verb;
		*ret_words = in_group ? 2 : 1;
		return 0;
	}
	if (has_word(missing, COUNT(missing), in_group ? argv[1] : argv[0]))
		return berth_fail(err, BERTH_E_UNSUPPORTED, "'%s' is not supported yet", name);
	(void)berth_fail(err, BERTH_E_NOT_FOUND, "unknown command '%s'", name);
	suggest(name, err);
	return -BERTH_E_NOT_FOUND;
}
