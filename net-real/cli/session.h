/* net-real/cli/session.h - requests (daemon/control.h) to the daemon, or, when none runs, to a node
 * that this command runs itself for as long as it takes.
 */
#ifndef NET_REAL_CLI_SESSION_H
#define NET_REAL_CLI_SESSION_H

#include "net-real/cli/cli.h"
#include "net-real/daemon/control.h"
#include "net-real/daemon/limits_text.h"

typedef struct session session;

/* needs_daemon: no node of its own. NULL: it was said why, and *code is the exit code. */
session *session_open(const config *c, bool needs_daemon, int *code);

/* Whether a node of its own runs, since no daemon does. */
bool session_is_own(const session *s);

void session_close(session *s);

/* Asks and waits; the answer is the caller's. timeout_ms: how long. NULL: none came, which was
 * said, and *code is the exit code. */
json_t *session_ask(session *s, const json_t *request, int timeout_ms, int *code);

/* Whether the command was interrupted while its own node ran; a daemon's signals are the daemon's.
 */
bool session_is_interrupted(const session *s);

/* Waits; a node of its own goes on meanwhile. */
void session_wait(session *s, unsigned long ms);

/* Stays until a signal: for what a node of its own does for others (a proxy). With a daemon it
 * returns at once. */
void session_stay(session *s);

/* What an answer with "ok": false says, borrowed from it, and the exit code that fits. */
const char *session_error(const json_t *answer);
int session_exit(const json_t *answer);
/* The same exit code; the error is printed. */
int session_failed(const json_t *answer);

/* Writes what a relay allows the connection that object, of an answer, is about, and what is left.
 * False: nothing is known of a limit. */
bool session_limits(const json_t *object, char text[LIMITS_TEXT_MAX]);

/* Prints what whoever named an address should know, if anything. */
void session_notice(const json_t *answer);

#endif
