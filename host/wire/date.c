/* date: token by token, in any order, since servers write them in any order. */
#include "wire/date.h"

#include <stdio.h>

/* What was found so far; below 0: not yet. */
struct date {
    int year, month, day, hour, minute, second;
};

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* Takes `least` to `most` digits off the front; -1 where there are fewer or more. */
static int take_number(struct slice *s, size_t least, size_t most) {
    int n = 0;
    size_t digits = 0;
    while (digits < s->n && is_digit(s->p[digits])) digits++;
    if (digits < least || digits > most) return -1;
    for (size_t i = 0; i < digits; i++) n = n * 10 + (s->p[i] - '0');
    *s = slice_skip(*s, digits);
    return n;
}

static bool take_colon(struct slice *s) {
    if (s->n == 0 || s->p[0] != ':') return false;
    *s = slice_skip(*s, 1);
    return true;
}

static bool read_time(struct slice token, struct date *d) {
    int hour = take_number(&token, 1, 2);
    if (hour < 0 || !take_colon(&token)) return false;
    int minute = take_number(&token, 1, 2);
    if (minute < 0 || !take_colon(&token)) return false;
    int second = take_number(&token, 1, 2);
    if (second < 0) return false;
    d->hour = hour;
    d->minute = minute;
    d->second = second;
    return true;
}

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static bool read_month(struct slice token, struct date *d) {
    for (int i = 0; i < 12; i++) {
        if (!slice_eq_nocase(slice_head(token, 3), slice_of(months + (size_t)i * 3, 3))) continue;
        d->month = i + 1;
        return true;
    }
    return false;
}

/* Reads a token as the first part of a date that it can be and that was not found yet. */
static void read_token(struct slice token, struct date *d) {
    struct slice rest = token;
    if (d->hour < 0 && read_time(token, d)) return;
    if (d->day < 0 && (d->day = take_number(&rest, 1, 2)) >= 0) return;
    if (d->month < 0 && read_month(token, d)) return;
    if (d->year < 0 && (d->year = take_number(&token, 2, 4)) >= 0 && d->year < 100)
        d->year += d->year < 70 ? 2000 : 1900;
}

static bool is_delimiter(uint8_t c) {
    return c == '\t' || (c >= 0x20 && c <= 0x2F) || (c >= 0x3B && c <= 0x40) || (c >= 0x5B && c <= 0x60) ||
           (c >= 0x7B && c <= 0x7E);
}

/* Days from 1970-01-01 to a day of the Gregorian calendar. */
static int64_t days_to(int64_t year, int month, int day) {
    if (month <= 2) year--, month += 12; /* the year begins in March: its leap day comes last */
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day - 1 - 719468;
}

bool date_read(struct slice text, int64_t *seconds) {
    struct date d = {-1, -1, -1, -1, -1, -1};
    while (text.n) {
        size_t n = 0;
        while (n < text.n && !is_delimiter(text.p[n])) n++;
        if (n) read_token(slice_head(text, n), &d);
        text = slice_skip(text, n < text.n ? n + 1 : n);
    }
    if (d.year < 1601 || d.month < 0 || d.day < 1 || d.day > 31 || d.hour < 0 || d.hour > 23 || d.minute > 59 ||
        d.second > 60)
        return false;
    *seconds = ((days_to(d.year, d.month, d.day) * 24 + d.hour) * 60 + d.minute) * 60 + d.second;
    return true;
}

/* The day of the Gregorian calendar that is so many days after 1970-01-01. */
static void day_of(int64_t days, struct date *d) {
    int64_t since = days + 719468, era = since / 146097, of_era = since % 146097; /* from 0000-03-01, by 400 years */
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
    d->day = (int)(of_year - (153 * month + 2) / 5 + 1);
    d->month = (int)(month < 10 ? month + 3 : month - 9);
    d->year = (int)(year + era * 400 + (d->month <= 2));
}

void date_print(int64_t seconds, char text[static DATE_TEXT]) {
    static const char weekdays[] = "ThuFriSatSunMonTueWed"; /* 1970 began on the first of these */
    const int64_t day = 24 * 3600, most = INT64_C(253402300799);
    struct date d;
    seconds = seconds < 0 ? 0 : seconds > most ? most : seconds;
    day_of(seconds / day, &d);
    int of_day = (int)(seconds % day);
    snprintf(text, DATE_TEXT, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", weekdays + seconds / day % 7 * 3,
             (unsigned)d.day % 100, months + (size_t)(d.month - 1) * 3, (unsigned)d.year % 10000,
             (unsigned)of_day / 3600 % 100, (unsigned)of_day / 60 % 60, (unsigned)of_day % 60);
}
