/* analysis/plot_matrix.h - a heat map of a square table: how long each pair took, or that it never
 * came to it. */
#ifndef ANALYSIS_PLOT_MATRIX_H
#define ANALYSIS_PLOT_MATRIX_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { MATRIX_SIZE_MAX = 16, MATRIX_NAME_MAX = 32 };

typedef struct matrix_figure {
    uint32_t size;          /* rows, and columns */
    uint32_t round_trip_ms; /* between the two of each pair */
    char names[MATRIX_SIZE_MAX][MATRIX_NAME_MAX];
    uint64_t took_ns[MATRIX_SIZE_MAX * MATRIX_SIZE_MAX]; /* by rows; UINT64_MAX: never */
} matrix_figure;

/* Draws it by gnuplot into an SVG file. False: errors has a line. */
bool matrix_figure_draw(const matrix_figure *figure, const char *path, FILE *errors);

#endif
