// A seed that is carried from run to run.
#ifndef MICROPY_INCLUDED_DOS_SEEDFILE_H
#define MICROPY_INCLUDED_DOS_SEEDFILE_H

enum seedfile_state { SEEDFILE_UNREAD, SEEDFILE_NONE, SEEDFILE_POOR, SEEDFILE_FIXED, SEEDFILE_USED };

// What came of the first use.
extern enum seedfile_state seedfile_state;

// Reads the seed, puts its successor in its place, and only then lets it count.
void seedfile_take(const char *executable);
// Leaves a new seed for the next run, if the pool is ready. After seedfile_take().
void seedfile_leave(void);
const char *seedfile_path(void);

#endif // MICROPY_INCLUDED_DOS_SEEDFILE_H
