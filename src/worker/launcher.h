/*
 * launcher.h
 *		The process that keeps workers running in every database with the extension.
 */
#ifndef PULSE_WORKER_LAUNCHER_H
#define PULSE_WORKER_LAUNCHER_H

/* Registers the launcher with the postmaster. From _PG_init, while preloading. */
extern void pulse_launcher_register(void);

/* Entry point of the process. */
extern PGDLLEXPORT void pulse_launcher_main(Datum arg);

#endif
