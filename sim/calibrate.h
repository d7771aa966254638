/* sim/calibrate.h - what all subjects of `peerup-sim calibrate` are asked, and those of them that
 * are not the comparison of fidelities.
 */
#ifndef SIM_CALIBRATE_H
#define SIM_CALIBRATE_H

#include "sim/crew.h"
#include "sim/progress.h"

typedef struct calibrate_ask {
    const char *path;     /* the file that is calibrated with; NULL: the subject's own */
    uint64_t first, last; /* seeds */
    bool is_json;
    uint32_t workers; /* processes at most, where there are many jobs */
    enum progress_kind progress;
} calibrate_ask;

/* Does all jobs in as many processes as *ask allows, with its progress; see crew_run. Returns an
 * exit code: CLI_DONE, or why there are no results. */
int calibrate_crew(const calibrate_ask *ask, uint32_t jobs, crew_job work, void *ctx,
                   crew_result *results);

/* `calibrate nat`, `mix`, `latency` and `punch`: their exit codes. */
int cli_calibrate_nat(const calibrate_ask *ask);
int cli_calibrate_mix(const calibrate_ask *ask);
int cli_calibrate_latency(const calibrate_ask *ask);
int cli_calibrate_punch(const calibrate_ask *ask);

#endif
