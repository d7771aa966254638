/* analysis/story_events.h - the middle of a story: what happened to the named nodes and when. */
#ifndef ANALYSIS_STORY_EVENTS_H
#define ANALYSIS_STORY_EVENTS_H

#include "analysis/sql.h"

/* Makes what the query needs, in the connection and not in the database, and returns the query: a
 * line each for at most ten occurrences in the order of time, and one that counts the rest. */
const char *story_events(sql *db);

#endif
