"""How good a guard is: metrics, intervals, calibration, comparisons, reports."""
