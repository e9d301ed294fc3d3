# The look of the figures of a census: a curve a length, short windows dark, long ones light. The caller has set folder,
# data, base and curves as for curves.gp.
set encoding utf8
set datafile separator ","
set datafile columnheaders
set border 3 lc rgb "#444444" lw 1
set tics nomirror out scale 0.6 textcolor rgb "#222222"
set grid ytics lc rgb "#E4E4E4" lw 1 lt 1
set xlabel "copies in the corpus" textcolor rgb "#222222"
set ylabel textcolor rgb "#222222"
# From viridis, without its yellow: even steps for the eye, in colour and in grey.
set palette defined (0 "#440154", 1 "#46327E", 2 "#365C8D", 3 "#277F8E", 4 "#1FA187", 5 "#4AC16D", 6 "#A0DA39")
set cbrange [0:1]
unset colorbox
shade(i) = curves > 1 ? i / (curves - 1.0) : 0.0
own(name, i) = column("curve") == i ? column(name) : NaN
# Lengths for the key: the n-th number of a list of the lengths in order of the curves.
names = ""
do for [i=0:curves-1] {
    stats data using (own("length", i)) name "curve" nooutput
    names = names.sprintf(" %.0f", curve_min)
}
set key outside right top Left reverse samplen 1 spacing 0.95 font ",11" textcolor rgb "#222222"
set key title "tokens" font ",11"
svg = "svg size 560,380 dynamic enhanced font 'Helvetica,14' background '#FFFFFF'"
pdf = "pdfcairo size 4.67in,3.17in enhanced font 'Helvetica,12' linewidth 1"
png = "pngcairo size 1120,760 enhanced font 'Helvetica,14' fontscale 1.9 linewidth 2 pointscale 2"
