// The command line that DOS gave, as argc and argv.
#ifndef MICROPY_INCLUDED_DOS_ARGS_H
#define MICROPY_INCLUDED_DOS_ARGS_H

// argv[0] is the full path of the executable. Arguments are parted by blanks; "double quotes" hold
// one together, and \" inside them is a quote. An argument @FILE is replaced by those in the file.
char **dos_arguments(int *argc);

#endif // MICROPY_INCLUDED_DOS_ARGS_H
