/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec: from what the user asked for (Engine API: ContainerCreate body) and the image's config to
 * the OCI runtime spec (config.json 1.1.0). One writer: no other place makes such bytes.
 *
 * It reads the container's root filesystem (passwd, group) through a directory fd, with root_open,
 * and the host's devices; it changes nothing and knows no driver, no database.
 *
 *   spec_merge      body + image config -> "Config" and "HostConfig" as they are kept and inspected
 *   spec_mounts     what has to be mounted, resolved: binds, volumes, tmpfs
 *   spec_write      config.json
 *   spec_process    the OCI process object of an exec
 */
#ifndef CORE_CONTAINER_SPEC_H
#define CORE_CONTAINER_SPEC_H

#include "core/config/config.h"

/**
 * Check @body (INVALID: one line in docker's words, naming the field) and merge the image's
 * defaults into it, as docker does at create: Env (the user's, then what the image has beyond), Cmd
 * and Entrypoint (an Entrypoint from the user drops the image's Cmd), User, WorkingDir, Labels,
 * ExposedPorts, Volumes, StopSignal, Healthcheck; docker takes neither Shell nor OnBuild.
 * @image_config: the image's whole document, of which "config" counts; NULL: no image. *ret:
 * {"Config": {...}, "HostConfig": {...}, "NetworkingConfig": {...}} complete: every key of API 1.50
 * is there, in docker's order with docker's default, and + "Warnings": ["sentence"] if there are
 * any (the caller takes them out). Not resolved here: NetworkMode "default" (which it is if the
 * user says nothing), "container:NAME" in modes, VolumesFrom, an empty Hostname. HostConfig.Runtime
 * is the isolation driver's name unless the user gave one.
 */
int spec_merge(const struct config *config, const struct record *body,
	       const struct record *image_config, struct record **ret, struct berth_error *err);

/**
 * `update`: @body (UpdateConfig) over a container's limits and restart policy. *ret_merged: @merged
 * with them;
 * @resources gets the OCI linux.resources object of what changes, for the isolation driver's
 * update. INVALID.
 */
int spec_update(const struct record *merged, const struct record *body, struct record **ret_merged,
		struct record *warnings, struct str *resources, struct berth_error *err);

/** One mount that the user or the image asked for. */
struct spec_mount {
	char *type;   /**< "bind", "volume", "tmpfs", "image" */
	char *source; /**< bind: host path; volume: name ("" = anonymous); image: reference; tmpfs:
			 NULL */
	char *target; /**< clean absolute path */
	char **options; /**< OCI mount options, complete: "rbind", "rprivate", "ro", "size=64m" */
	char *subpath;	/**< of a volume, or NULL */
	char *propagation;   /**< as inspect shows it: "rprivate" */
	char *mode;	     /**< as the user wrote it: "z", "ro" */
	char *volume_driver; /**< or NULL */
	char **volume_labels, **volume_options;
	bool read_only;
	bool no_copy;	    /**< volume: do not fill it from the image */
	bool create_source; /**< bind by -v: make a missing source directory */
	bool from_image;    /**< of Config.Volumes: the image's VOLUME, or -v with a target only */
	bool hidden;	    /**< by --tmpfs: docker does not list it among inspect's Mounts */
	/* filled by core/volume before spec_write */
	char *host_path; /**< directory on the host that is bound */
};

/**
 * All mounts of a merged container, sorted by target depth, user's over inherited over image's;
 * INVALID: duplicate target
 * ("Duplicate mount point: /x"), relative paths, unknown options. Does not look
 * whether sources are there.
 * A volume's subpath is hostile: whoever fills host_path opens it with root_open below the volume.
 */
int spec_mounts(const struct record *merged, struct spec_mount **ret, size_t *ret_n,
		struct berth_error *err);
void spec_mounts_free(struct spec_mount *mounts, size_t n);

/** "name[:ro|rw]" of HostConfig.VolumesFrom. *ret_ref is the caller's to free. INVALID. */
int spec_volumes_from(const char *text, char **ret_ref, bool *ret_read_only,
		      struct berth_error *err);
/**
 * Note in @merged ("Inherited") the mounts of another container, whose anonymous volumes have names
 * in `source` by now; spec_mounts finds them there. At create, for each of VolumesFrom.
 */
int spec_inherit(struct record *merged, const struct spec_mount *mounts, size_t n, bool read_only,
		 struct berth_error *err);

/** How the container is connected; enough for namespaces in the spec. */
enum spec_network {
	SPEC_NET_NEW = 0, /**< a namespace of its own */
	SPEC_NET_HOST,
	SPEC_NET_PATH, /**< another container's: input.netns_path */
};

struct spec_input {
	const struct config *config;
	const struct record *merged; /**< of spec_merge */
	const char *id;
	const char *hostname;
	int rootfd; /**< the container's root, for passwd and group; O_DIRECTORY */
	const struct spec_mount *mounts;
	size_t n_mounts;
	/* files of the engine that are bound into the container; NULL = not */
	const char *hosts_path, *hostname_path, *resolv_path;
	const char *init_path; /**< with --init: bound at /sbin/docker-init */
	enum spec_network network;
	const char *netns_path, *pidns_path, *ipcns_path,
		*utsns_path;	  /**< join these; NULL = by mode */
	const char *shm_path;	  /**< bound at /dev/shm (with ipcns_path); NULL = by mode */
	const char *cgroups_path; /**< linux.cgroupsPath */
	/** Mappings of the user namespace; none: the host's. Frozen pairs "inside:outside:count".
	 */
	const char *const *uid_map, *const *gid_map;
};

/** Append config.json to @out. NOT_FOUND: `unable to find user x: no matching entries in passwd
 * file`. */
int spec_write(const struct spec_input *in, struct str *out, struct berth_error *err);

/**
 * The OCI process of an exec: @exec is the API's ExecConfig (Cmd, Env, User, WorkingDir, Tty,
 * Privileged, ConsoleSize); what it does not say comes from @merged.
 */
int spec_process(const struct spec_input *in, const struct record *exec, struct str *out,
		 struct berth_error *err);

/** The signal of "TERM", "SIGTERM", "15", "RTMIN+3". INVALID: "invalid signal: X". */
int spec_signal(const char *text, int *ret, struct berth_error *err);

#endif
