/*
 * worker.h
 *		A worker process: one of the owners of the runs of a database.
 */
#ifndef PULSE_WORKER_WORKER_H
#define PULSE_WORKER_WORKER_H

/* Entry point; PulseWorkerArgs are in bgw_extra. */
extern PGDLLEXPORT void pulse_worker_main(Datum arg);

#endif
