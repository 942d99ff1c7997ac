/*
 * run_main.h
 *		pulse-run run: a graph run to its end in memory.
 */
#ifndef PULSE_CLI_RUN_MAIN_H
#define PULSE_CLI_RUN_MAIN_H

/* Takes the command line of the whole program; gives its exit status. */
extern int	pulse_run_main(int argc, char **argv);

#endif
