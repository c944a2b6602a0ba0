#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) ((condition) ? (void)0 : __assert_fail(#condition, __FILE__, __LINE__))
#endif

#ifndef DOS_LIBC_ASSERT_H
#define DOS_LIBC_ASSERT_H

#define static_assert _Static_assert
void __assert_fail(const char *condition, const char *file, unsigned line) __attribute__((noreturn));

#endif // DOS_LIBC_ASSERT_H
