/*
 * pulse.c
 *		Module magic and _PG_init.
 *
 * Preloaded, the library brings launcher, workers and shared memory. Loaded by a
 * session only, its functions still read and store everything; runs
 * wait for a server that preloads it.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/version.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "worker/launcher.h"
#include "worker/shared.h"
#include "worker/utility_hook.h"
#include "worker/wake.h"

#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "pulse",.version = PULSE_VERSION);
#else
PG_MODULE_MAGIC;
#endif

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	pulse_guc_init();
	pulse_wake_init();
	if (!process_shared_preload_libraries_in_progress)
		return;
	pulse_shmem_init();
	pulse_utility_hook_init();
	pulse_launcher_register();
}
