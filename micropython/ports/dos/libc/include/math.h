// The functions are those of MicroPython's lib/libm_dbl (musl's), compiled for the x87.
#ifndef DOS_LIBC_MATH_H
#define DOS_LIBC_MATH_H

typedef double double_t;
typedef float float_t;

#define HUGE_VAL __builtin_huge_val()
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")

#define FP_NAN (0)
#define FP_INFINITE (1)
#define FP_ZERO (2)
#define FP_SUBNORMAL (3)
#define FP_NORMAL (4)

#define fpclassify(x) __builtin_fpclassify(FP_NAN, FP_INFINITE, FP_NORMAL, FP_SUBNORMAL, FP_ZERO, x)
#define isfinite(x) __builtin_isfinite(x)
#define isinf(x) __builtin_isinf(x)
#define isnan(x) __builtin_isnan(x)
#define isnormal(x) __builtin_isnormal(x)
#define signbit(x) __builtin_signbit(x)

#define M_E (2.7182818284590452354)
#define M_LN2 (0.69314718055994530942)
#define M_LOG2E (1.4426950408889634074)
#define M_PI (3.14159265358979323846)
#define M_PI_2 (1.57079632679489661923)
#define M_PI_4 (0.78539816339744830962)
#define M_2_SQRTPI (1.12837916709551257390)
#define M_SQRT2 (1.41421356237309504880)

#define nan(text) __builtin_nan(text)

double acos(double x);
double acosh(double x);
double asin(double x);
double asinh(double x);
double atan(double x);
double atan2(double y, double x);
double atanh(double x);
double ceil(double x);
double copysign(double x, double y);
double cos(double x);
double cosh(double x);
double erf(double x);
double erfc(double x);
double exp(double x);
double expm1(double x);
double fabs(double x);
double floor(double x);
double fmod(double x, double y);
double frexp(double x, int *exponent);
double ldexp(double x, int exponent);
double lgamma(double x);
double log(double x);
double log10(double x);
double log1p(double x);
double log2(double x);
double modf(double x, double *whole);
double nearbyint(double x);
double nextafter(double x, double y);
double pow(double x, double y);
double rint(double x);
double round(double x);
double scalbn(double x, int exponent);
double sin(double x);
double sinh(double x);
double sqrt(double x);
double tan(double x);
double tanh(double x);
double tgamma(double x);
double trunc(double x);

#endif // DOS_LIBC_MATH_H
