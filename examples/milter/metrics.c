/* Counters. */

#include "metrics.h"

#include <stdarg.h>
#include <stdio.h>

struct description {
    const char *family;
    const char *labels; /* empty without any */
};

static atomic_ullong counters[METRICS];

/* In the order of enum metric; those of a family stand together. */
static const struct description descriptions[METRICS] = {
    {"messages_total", "{outcome=\"unchanged\"}"},
    {"messages_total", "{outcome=\"changed\"}"},
    {"messages_total", "{outcome=\"rejected\"}"},
    {"messages_total", "{outcome=\"deferred\"}"},
    {"messages_total", "{outcome=\"discarded\"}"},
    {"messages_total", "{outcome=\"failed\"}"},
    {"messages_total", "{outcome=\"shadow\"}"},
    {"messages_total", "{outcome=\"aborted\"}"},
    {"recipients_total", "{action=\"deliver\"}"},
    {"recipients_total", "{action=\"relay\"}"},
    {"recipients_total", "{action=\"reject\"}"},
    {"recipients_total", "{action=\"drop\"}"},
    {"rcpt_refused_total", "{class=\"5xx\"}"},
    {"rcpt_refused_total", "{class=\"4xx\"}"},
    {"rewrites_total", "{place=\"field\"}"},
    {"rewrites_total", "{place=\"reverse-path\"}"},
    {"rewrites_total", "{place=\"forward-path\"}"},
    {"unmapped_total", ""},
    {"skipped_total", ""},
    {"fields_removed_total", ""},
    {"signatures_broken_total", ""},
    {"failures_total", "{cause=\"limit\"}"},
    {"failures_total", "{cause=\"memory\"}"},
    {"failures_total", "{cause=\"library\"}"},
    {"failures_total", "{cause=\"negotiation\"}"},
    {"failures_total", "{cause=\"content\"}"},
    {"failures_total", "{cause=\"mta\"}"},
    {"failures_total", "{cause=\"stopping\"}"},
    {"reloads_total", "{result=\"swapped\"}"},
    {"reloads_total", "{result=\"failed\"}"},
    {"connections_total", ""},
    {"connections", ""},
    {"messages_in_flight", ""},
};

static const struct description help[] = {
    {"messages_total", "Messages, by what became of them"},
    {"recipients_total", "Recipients of whole messages, by what was decided"},
    {"rcpt_refused_total", "Recipients refused at RCPT TO"},
    {"rewrites_total", "Addresses rewritten"},
    {"unmapped_total", "Addresses in mapped domains that no entry maps: they would leak"},
    {"skipped_total", "Places left alone although a mapped domain stands there"},
    {"fields_removed_total", "Fields of strangers that the header firewall removed"},
    {"signatures_broken_total", "Aligned signatures that rewriting broke"},
    {"failures_total", "Temporary failures of ours, by cause"},
    {"reloads_total", "Looks at the map file that found another one"},
    {"connections_total", "Connections of the mail server"},
    {"connections", "Connections open now"},
    {"messages_in_flight", "Messages between MAIL FROM and their end"},
};

void count(enum metric metric)
{
    count_more(metric, 1);
}

void count_more(enum metric metric, size_t more)
{
    atomic_fetch_add_explicit(&counters[metric], more, memory_order_relaxed);
}

void count_less(enum metric metric)
{
    atomic_fetch_sub_explicit(&counters[metric], 1, memory_order_relaxed);
}

unsigned long long count_of(enum metric metric)
{
    return atomic_load_explicit(&counters[metric], memory_order_relaxed);
}

struct sheet {
    char *buf;
    size_t size, len;
};

static void print(struct sheet *sheet, const char *format, ...)
{
    va_list arguments;
    int got;

    va_start(arguments, format);
    got = vsnprintf(sheet->buf + sheet->len, sheet->size - sheet->len, format, arguments);
    va_end(arguments);
    if (got > 0)
        sheet->len = (size_t)got < sheet->size - sheet->len ? sheet->len + (size_t)got : sheet->size - 1;
}

static void print_head(struct sheet *sheet, size_t family, const char *type)
{
    print(sheet, "# HELP readdress_milter_%s %s.\n# TYPE readdress_milter_%s %s\n", help[family].family,
          help[family].labels, help[family].family, type);
}

size_t metrics_write(char *buf, size_t size, const readdress_engine *engine)
{
    struct sheet sheet = {buf, size, 0};
    size_t at, family = 0;

    for (at = 0; at < METRICS; at++) {
        if (at == 0 || descriptions[at].family != descriptions[at - 1].family) {
            print_head(&sheet, family, at < CONNECTIONS_OPEN ? "counter" : "gauge");
            family++;
        }
        print(&sheet, "readdress_milter_%s%s %llu\n", descriptions[at].family, descriptions[at].labels,
              count_of((enum metric)at));
    }
    if (engine != NULL) {
        print(&sheet, "# HELP readdress_milter_map_info The map in use.\n# TYPE readdress_milter_map_info gauge\n");
        print(&sheet, "readdress_milter_map_info{generation=\"%s\",library=\"%s\"} 1\n",
              readdress_engine_generation(engine), readdress_version());
        print(&sheet, "# HELP readdress_milter_map_entries Entries of the map in use.\n"
                      "# TYPE readdress_milter_map_entries gauge\n");
        print(&sheet, "readdress_milter_map_entries %llu\n", (unsigned long long)readdress_engine_entry_count(engine));
    }
    return sheet.len;
}
