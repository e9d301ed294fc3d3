# Draws the curves to BASE.svg, BASE.pdf and BASE.png: intervals as bands, rates as lines, controls dashed with their bands,
# a label at the end of each curve. The bands of the controls are opaque and of one grey, so that together they show what
# the intervals of all controls cover.
set yrange [0:top]
# Room at both ends, so that no point and no label lies on the border.
if (log_x) {
    pad = (x_max / x_min) ** 0.03
    set xrange [x_min / pad : x_max * pad]
} else {
    pad = (x_max - x_min) * 0.03
    set xrange [x_min - pad : x_max + pad]
}
set label 100 "dashed, grey: controls, never trained on   bands: ".confidence."% confidence" \
    at graph 0, graph 1.06 left font ",11" textcolor rgb "#666666"
do for [terminal in "svg pdf png"] {
    if (terminal eq "svg") { set terminal @svg }
    if (terminal eq "pdf") { set terminal @pdf }
    if (terminal eq "png") { set terminal @png }
    set output base.".".terminal
    plot for [i=0:curves-1] data using (own(i)):(percent("control_lo")):(percent("control_hi")) \
             with filledcurves lc rgb "#ECECEC" fs solid noborder, \
         for [i=0:curves-1] data using (own(i)):(percent("ci_lo")):(percent("ci_hi")) \
             with filledcurves lc i+1 fs transparent solid 0.12 noborder, \
         for [i=0:curves-1] data using (own(i)):(percent("control_rate")) with lines lc i+1 lw 1.5 dt (12,7), \
         for [i=0:curves-1] data using (own(i)):(percent("rate")) with linespoints lt i+1, \
         for [i=0:curves-1] data using (own(i)):(percent("label_y")):(stringcolumn("label")) \
             with labels left offset char 1, 0 noenhanced textcolor lt i+1
    unset output
}
