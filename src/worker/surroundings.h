/*
 * surroundings.h
 *		Settings that a worker depends on, set by itself.
 */
#ifndef PULSE_WORKER_SURROUNDINGS_H
#define PULSE_WORKER_SURROUNDINGS_H

/* After connecting, outside of a transaction. They hold for the life of the process. */
extern void pulse_surroundings_pin(void);

/* For the last transaction of a process that was told to end: it waits for nobody. */
extern void pulse_surroundings_hurry(void);

#endif
