/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: what takes how much room: SystemDataUsageResponse of the Engine API.
 */
#ifndef CORE_ENGINE_USAGE_H
#define CORE_ENGINE_USAGE_H

#include "core/engine/engine.h"

/**
 * {"LayersSize", "Images": [ImageSummary with SharedSize and Containers], "Containers":
 * [ContainerSummary with sizes], "Volumes": [Volume with UsageData], "BuildCache": []}
 */
int engine_usage(struct engine *e, struct record **ret, struct berth_error *err);

#endif
