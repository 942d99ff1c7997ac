/*
 * utility_hook.h
 *		Statements that launcher and workers must hear of.
 */
#ifndef PULSE_WORKER_UTILITY_HOOK_H
#define PULSE_WORKER_UTILITY_HOOK_H

/* Installs the ProcessUtility hook. Once, from _PG_init, while preloading. */
extern void pulse_utility_hook_init(void);

#endif
