// exp() by the x87, in place of lib/libm_dbl's, which is off by one in the last place for exp(1) already.

#include <math.h>
#include <stdint.h>

// Beyond these the result is infinite, or zero, in a double.
#define EXP_MOST (710.0)
#define EXP_LEAST (-746.0)
// The control word's field for the precision: 64 bits, where programs here run with 53.
#define PRECISION_64 (0x300)

// ln(2) in two parts: the first has so few bits that its product with any exponent is exact.
#define LN2_HIGH (0xb17217f7.0p-32L)
#define LN2_LOW (0xd1cf79abc9e3b398.0p-96L)
#define LOG2_E (0xb8aa3b295c17f0bc.0p-63L)

static long double exp_extended(long double x) {
    long double k = x * LOG2_E;
    __asm__ ("frndint" : "+t" (k));
    // At most half of ln(2), and what f2xm1 takes is at most one half.
    long double t = ((x - k * LN2_HIGH) - k * LN2_LOW) * LOG2_E;
    __asm__ ("f2xm1" : "+t" (t));
    // In two steps, as emulators compute with doubles, which have no room for the largest power of two.
    t += 1;
    k -= 1;
    __asm__ ("fscale" : "+t" (t) : "u" (k));
    return t + t;
}

double exp(double x) {
    if (isnan(x)) {
        return x;
    }
    if (x > EXP_MOST) {
        return INFINITY;
    }
    if (x < EXP_LEAST) {
        return 0;
    }
    uint16_t control;
    __asm__ volatile ("fnstcw %0" : "=m" (control));
    uint16_t wide = control | PRECISION_64;
    long double y = x;
    // Through these pass the argument and the result, so that nothing in between moves to the wrong side.
    __asm__ volatile ("fldcw %1" : "+t" (y) : "m" (wide));
    volatile double result = exp_extended(y);
    __asm__ volatile ("fldcw %0" : : "m" (control), "m" (result));
    return result;
}
