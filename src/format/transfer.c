/* Weights from one of semtinel's checkpoints into another network, by layer name. */
#include "format/transfer.h"

#include "base/room.h"
#include "format/tensor_file.h"

#include <stdio.h>
#include <string.h>

void smt_transfer_report_free(smt_transfer_report *report)
{
    if (report) {
        smt_free(report->rows);
        memset(report, 0, sizeof *report);
    }
}

smt_status smt_transfer_note(smt_transfer_report *report,
                             const char *layer,
                             smt_transfer_kind kind,
                             size_t values,
                             const char *detail,
                             smt_error *error)
{
    if (!SMT_ROOM(report->rows, report->count, report->capacity)) {
        return smt_fail(error, SMT_ERR_MEMORY, "transfer: out of memory");
    }
    smt_transfer_row *row = &report->rows[report->count++];
    memset(row, 0, sizeof *row);
    snprintf(row->layer, sizeof row->layer, "%s", layer);
    snprintf(row->detail, sizeof row->detail, "%s", detail);
    row->kind = kind;
    row->values = values;
    if (kind == SMT_TRANSFER_TAKEN || kind == SMT_TRANSFER_SUMMED) {
        report->taken += values;
    }
    return SMT_OK;
}

size_t smt_node_values(const smt_graph *graph, int node)
{
    size_t sum = 0;
    for (int i = 0; i < SMT_NODE_PARAMS; i++) {
        int p = graph->nodes[node].param[i];
        sum += p >= 0 ? graph->params[p].count : 0;
    }
    return sum;
}

bool smt_same_classes(const smt_model *a, const smt_model *b)
{
    bool same = a->class_count == b->class_count && a->class_count > 0;
    for (int i = 0; same && i < a->class_count; i++) {
        same = strcmp(a->classes[i], b->classes[i]) == 0;
    }
    return same;
}

/* "16 x 3 x 3 x 1" */
static void param_text(const smt_param *param, char *text, size_t size)
{
    const int64_t dim[4] = {param->dim[0], param->dim[1], param->dim[2], param->dim[3]};
    smt_shape_text(dim, param->rank, text, size);
}

/* to[pixels] = sum over channels of from[pixels][channels]. */
static void sum_channels(const float *from, float *to, size_t pixels, int channels)
{
    for (size_t i = 0; i < pixels; i++) {
        double sum = 0;
        for (int c = 0; c < channels; c++) {
            sum += (double)from[i * (size_t)channels + (size_t)c];
        }
        to[i] = (float)sum;
    }
}

typedef enum relation { SAME, SUMMABLE, DIFFERENT, ABSENT } relation;

/* How dst's node `d` stands to src's node of the same name; *s is that one's index. */
static relation compare(const smt_graph *dst, int d, const smt_graph *src, int *s)
{
    const smt_node *a = &dst->nodes[d];
    *s = smt_graph_find(src, a->name);
    if (*s < 0) {
        return ABSENT;
    }
    const smt_node *b = &src->nodes[*s];
    relation result = a->op == b->op && a->stride == b->stride ? SAME : DIFFERENT;
    for (int i = 0; i < SMT_NODE_PARAMS && result != DIFFERENT; i++) {
        if ((a->param[i] < 0) != (b->param[i] < 0)) {
            return DIFFERENT;
        }
        if (a->param[i] < 0) {
            continue;
        }
        const smt_param *p = &dst->params[a->param[i]], *q = &src->params[b->param[i]];
        int differing = p->rank == q->rank ? 0 : 4;
        for (int k = 0; k < p->rank && k < q->rank; k++) {
            differing += p->dim[k] != q->dim[k];
        }
        bool channels = differing == 1 && a->op == SMT_OP_CONV && i == SMT_WEIGHT &&
                        p->dim[3] == 1 && q->dim[3] == 3;
        result = !differing ? result : channels ? SUMMABLE : DIFFERENT;
    }
    return result;
}

static bool is_head(const smt_node *node)
{
    return strcmp(node->name, "classifier") == 0 || strcmp(node->name, "head") == 0;
}

/* Whether src's weights are of a network of these options: width, channels, padding. */
static smt_status fits(const smt_model *src, const smt_mobilenet_options *options, smt_error *error)
{
    const smt_mobilenet_options *own = &src->arch;
    if (own->width > 0 && (options->width < own->width || options->width > own->width)) {
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "the checkpoint has width %g, the network to train has %g; add --width %g",
                        (double)own->width,
                        (double)options->width,
                        (double)own->width);
    }
    if (own->width > 0 && options->channels > own->channels) {
        return smt_fail(
            error,
            SMT_ERR_UNSUPPORTED,
            "the checkpoint takes %d channel, the network to train %d; add --channels %d",
            own->channels,
            options->channels,
            own->channels);
    }
    if (own->width > 0 && options->padding != own->padding) {
        return smt_fail(
            error,
            SMT_ERR_UNSUPPORTED,
            "the checkpoint pads as %s does, the network to train does not; add --padding %s",
            own->padding == SMT_PAD_EXPLICIT ? "PyTorch" : "TensorFlow",
            own->padding == SMT_PAD_EXPLICIT ? "symmetric" : "same");
    }
    return SMT_OK;
}

static void copy_node(smt_graph *dst, int d, const smt_graph *src, int s, bool summed)
{
    for (int i = 0; i < SMT_NODE_PARAMS; i++) {
        int p = dst->nodes[d].param[i];
        if (p < 0) {
            continue;
        }
        smt_param *to = &dst->params[p];
        const smt_param *from = &src->params[src->nodes[s].param[i]];
        if (summed && i == SMT_WEIGHT) {
            sum_channels(from->data, to->data, to->count, from->dim[3]);
        } else {
            memcpy(to->data, from->data, to->count * sizeof *to->data);
        }
    }
}

smt_status smt_model_transfer(smt_model *dst,
                              const smt_model *src,
                              smt_transfer_report *report,
                              smt_error *error)
{
    smt_transfer_report local = {.difference = -1};
    const smt_graph *g = dst->graph;
    int source = -1;
    smt_status status = fits(src, &dst->arch, error);
    if (status) {
        return status;
    }
    for (int i = 0; i < g->node_count; i++) {
        local.total += smt_node_values(g, i);
        if (smt_node_values(g, i) && !is_head(&g->nodes[i]) &&
            compare(g, i, src->graph, &source) >= DIFFERENT) {
            return smt_fail(error,
                            SMT_ERR_UNSUPPORTED,
                            "the checkpoint holds another network: layer '%s' is missing there or "
                            "has another shape",
                            g->nodes[i].name);
        }
    }
    for (int i = 0; !status && i < g->node_count; i++) {
        size_t values = smt_node_values(g, i);
        if (!values) {
            continue;
        }
        const smt_node *node = &g->nodes[i];
        char detail[96] = "";
        relation found = compare(g, i, src->graph, &source);
        smt_transfer_kind kind = found == SAME       ? SMT_TRANSFER_TAKEN
                                 : found == SUMMABLE ? SMT_TRANSFER_SUMMED
                                 : found == ABSENT   ? SMT_TRANSFER_MISSING
                                                     : SMT_TRANSFER_SHAPE;
        if (strcmp(node->name, "classifier") == 0 && found != ABSENT &&
            !smt_same_classes(dst, src)) {
            kind = SMT_TRANSFER_SHAPE;
            snprintf(detail,
                     sizeof detail,
                     "other classes: %d there, %d here",
                     src->class_count,
                     dst->class_count);
        } else if (found == SUMMABLE) {
            snprintf(detail, sizeof detail, "3 input channels summed to 1");
        } else if (found == DIFFERENT) {
            char a[40], b[40];
            param_text(
                &src->graph->params[src->graph->nodes[source].param[SMT_WEIGHT]], a, sizeof a);
            param_text(&g->params[node->param[SMT_WEIGHT]], b, sizeof b);
            snprintf(detail, sizeof detail, "%s there, %s here", a, b);
        }
        if (kind == SMT_TRANSFER_TAKEN || kind == SMT_TRANSFER_SUMMED) {
            copy_node(dst->graph, i, src->graph, source, kind == SMT_TRANSFER_SUMMED);
        }
        status = smt_transfer_note(&local, node->name, kind, values, detail, error);
    }
    for (int i = 0; !status && i < src->graph->node_count; i++) {
        size_t values = smt_node_values(src->graph, i);
        if (values && smt_graph_find(g, src->graph->nodes[i].name) < 0) {
            status = smt_transfer_note(&local,
                                       src->graph->nodes[i].name,
                                       SMT_TRANSFER_UNUSED,
                                       values,
                                       "not part of this network",
                                       error);
        }
    }
    if (status || !report) {
        smt_transfer_report_free(&local);
        return status;
    }
    *report = local;
    return SMT_OK;
}
