/*
 * demand.h
 *		Forecasts of the demand for one item, one period at a time.
 *
 * Croston 1972; SBA: Syntetos and Boylan 2005; SBJ: Shale, Boylan and Johnston 2006; TSB: Teunter, Syntetos and
 * Babai 2011; exponential smoothing: Holt 1957, Winters 1960, damped: Gardner and McKenzie 1985; classes:
 * Syntetos, Boylan and Croston 2005. Every method is a state that takes the next period's demand and
 * answers for periods to come, so that a rolling origin costs one pass.
 */
#ifndef BM_DEMAND_H
#define BM_DEMAND_H

#include "core/num/rng.h"

#define BM_MAX_SEASON 64 /* periods */

typedef enum BmDemandClass
{
	BM_DEMAND_NONE = 0, /* never any */
	BM_DEMAND_SMOOTH,
	BM_DEMAND_INTERMITTENT, /* rare, of even size */
	BM_DEMAND_ERRATIC,      /* frequent, of uneven size */
	BM_DEMAND_LUMPY,        /* rare and uneven */
	BM_DEMAND_CLASSES
} BmDemandClass;

typedef enum BmDemandMethod
{
	BM_MEAN = 0,
	BM_SEASONAL_NAIVE, /* with a season of 1: the last period's demand */
	BM_CROSTON,
	BM_SBA,
	BM_SBJ,
	BM_TSB,
	BM_SES,
	BM_HOLT,
	BM_HOLT_WINTERS, /* additive */
	BM_DEMAND_METHODS
} BmDemandMethod;

extern const char *const bmc_demand_class_names[BM_DEMAND_CLASSES];
extern const char *const bmc_demand_method_names[BM_DEMAND_METHODS];

typedef struct BmDemandProfile
{
	BmDemandClass class;
	double adi; /* mean interval between demands, periods; NaN without any */
	double cv2; /* squared coefficient of variation of the sizes; 0 for one size */
	double total;
	size_t demands; /* periods with a demand */
} BmDemandProfile;

/* Of y (n), negative values count as 0. */
extern void bmc_demand_profile(BmDemandProfile *out, const double *y, size_t n);

/* Smoothing weights, 0..1; what a method does not use is 0. */
typedef struct BmDemandWeights
{
	double alpha; /* sizes, intervals, level */
	double beta;  /* probability (TSB), trend */
	double gamma; /* season */
	double phi;   /* damping of the trend, 1: none */
} BmDemandWeights;

typedef struct BmDemandState
{
	BmDemandMethod method;
	BmDemandWeights w;
	int season; /* periods, 1..BM_MAX_SEASON */
	size_t n;   /* periods seen */
	double level, trend;
	double size, interval, chance; /* z, p, pi of the intermittent methods */
	double since;                  /* q: periods since the last demand */
	double ring[BM_MAX_SEASON]; /* last season's demands, or seasonal parts; at period mod season */
} BmDemandState;

/*
 * Before the first period. interval > 0: the interval that intermittent methods begin with; 0: the number
 * of the period of the first demand. y (n): the periods from which the smoothing methods take their
 * first level, trend and season (n >= 1; two seasons for Holt-Winters).
 */
extern void bmc_demand_begin(BmDemandState *s, BmDemandMethod method, const BmDemandWeights *w,
							 int season, double interval, const double *y, size_t n);
extern void bmc_demand_next(BmDemandState *s, double y);
/* Demand expected in the h-th period to come, h >= 1; never below 0. */
extern double bmc_demand_ahead(const BmDemandState *s, int h);

#endif
