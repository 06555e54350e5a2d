/* Signed distances of shapes, and painting them. The distance of an ellipse is first order (value
 * over gradient), which is exact at its outline. */
#include "scene.h"

static const float MARGIN = 0.12f; /* beyond it no edge glow or fillet is seen */

void synth_fill(const synth_scene *s, float *field, float value)
{
    for (size_t i = 0; i < s->count; i++) {
        field[i] = value;
    }
}

static float distance_box(float x, float y, float a, float b, float round)
{
    float dx = fabsf(x) - a + round, dy = fabsf(y) - b + round;
    float ox = dx > 0 ? dx : 0, oy = dy > 0 ? dy : 0;
    float inner = dx > dy ? dx : dy;
    return sqrtf(ox * ox + oy * oy) + (inner < 0 ? inner : 0) - round;
}

static float distance_capsule(const synth_shape *shape, float x, float y)
{
    float vx = shape->a - shape->x, vy = shape->b - shape->y;
    float px = x - shape->x, py = y - shape->y;
    float length = vx * vx + vy * vy;
    float t = length > 0 ? synth_clamp((px * vx + py * vy) / length, 0, 1) : 0;
    float dx = px - t * vx, dy = py - t * vy;
    float taper = shape->taper > 0 ? shape->taper : 1;
    return sqrtf(dx * dx + dy * dy) - shape->round * (1 + (taper - 1) * t);
}

static float distance_trapezoid(const synth_shape *shape, float x, float y)
{
    float t = synth_clamp((y + shape->height) / (2 * shape->height), 0, 1);
    float half = shape->a + (shape->b - shape->a) * t;
    float slope = (shape->b - shape->a) / (2 * shape->height);
    float dx = (fabsf(x) - half) / sqrtf(1 + slope * slope), dy = fabsf(y) - shape->height;
    float round = shape->round;
    dx += round;
    dy += round;
    float ox = dx > 0 ? dx : 0, oy = dy > 0 ? dy : 0, inner = dx > dy ? dx : dy;
    return sqrtf(ox * ox + oy * oy) + (inner < 0 ? inner : 0) - round;
}

static float distance_ellipse(float x, float y, float a, float b)
{
    float u = x / a, v = y / b, k0 = sqrtf(u * u + v * v);
    u /= a;
    v /= b;
    float k1 = sqrtf(u * u + v * v);
    return k1 > 1e-6f ? k0 * (k0 - 1) / k1 : -(a < b ? a : b);
}

static float join(float old, float d, float blend)
{
    float lower = old < d ? old : d;
    float gap = blend - fabsf(old - d);
    return gap > 0 ? lower - gap * gap / (4 * blend) : lower;
}

void synth_stamp(const synth_scene *s, float *field, const synth_shape *shape)
{
    float x0, x1, y0, y1, reach;
    if (shape->kind == SYNTH_CAPSULE) {
        reach = shape->round * (shape->taper > 1 ? shape->taper : 1);
        x0 = fminf(shape->x, shape->a) - reach;
        x1 = fmaxf(shape->x, shape->a) + reach;
        y0 = fminf(shape->y, shape->b) - reach;
        y1 = fmaxf(shape->y, shape->b) + reach;
    } else if (shape->kind == SYNTH_TRAPEZOID) {
        reach = fmaxf(shape->a, shape->b);
        x0 = shape->x - reach;
        x1 = shape->x + reach;
        y0 = shape->y - shape->height;
        y1 = shape->y + shape->height;
    } else {
        float c = fabsf(cosf(shape->angle)), sn = fabsf(sinf(shape->angle));
        float w = c * shape->a + sn * shape->b, h = sn * shape->a + c * shape->b;
        x0 = shape->x - w;
        x1 = shape->x + w;
        y0 = shape->y - h;
        y1 = shape->y + h;
    }
    /* Small features have short glows: a margin to match keeps crowded scenes cheap. */
    float margin =
        fminf(MARGIN, 0.025f + 0.5f * fmaxf(x1 - x0, y1 - y0)) + shape->wobble + shape->blend;
    int size = s->size;
    int i0 = (int)((x0 - margin) * (float)size), i1 = (int)((x1 + margin) * (float)size) + 1;
    int j0 = (int)((y0 - margin) * (float)size), j1 = (int)((y1 + margin) * (float)size) + 1;
    i0 = i0 < 0 ? 0 : i0;
    j0 = j0 < 0 ? 0 : j0;
    i1 = i1 > size ? size : i1;
    j1 = j1 > size ? size : j1;
    float ca = cosf(shape->angle), sa = sinf(shape->angle);
    float least = 0.75f * s->pixel; /* thinner things would vanish between pixels */
    float a = fmaxf(shape->a, least), b = fmaxf(shape->b, least);
    synth_shape copy = *shape;
    if (shape->kind == SYNTH_CAPSULE) {
        copy.round = fmaxf(shape->round, 0.5f * s->pixel);
    }
    for (int j = j0; j < j1; j++) {
        float *row = field + (size_t)j * (size_t)size;
        float y = ((float)j + 0.5f) * s->pixel;
        for (int i = i0; i < i1; i++) {
            float x = ((float)i + 0.5f) * s->pixel, d;
            float lx = x - shape->x, ly = y - shape->y;
            switch (shape->kind) {
            case SYNTH_ELLIPSE:
                d = distance_ellipse(ca * lx + sa * ly, -sa * lx + ca * ly, a, b);
                break;
            case SYNTH_BOX:
                d = distance_box(ca * lx + sa * ly, -sa * lx + ca * ly, a, b, shape->round);
                break;
            case SYNTH_CAPSULE:
                d = distance_capsule(&copy, x, y);
                break;
            case SYNTH_TRAPEZOID:
            default:
                d = distance_trapezoid(shape, lx, ly);
                break;
            }
            if (shape->wobble > 0 && fabsf(d) < MARGIN) {
                float f = shape->wobble_scale;
                d += shape->wobble *
                     (synth_noise_at(shape->seed, x * f, y * f) +
                      0.5f * synth_noise_at(shape->seed + 77, x * f * 2.3f, y * f * 2.3f));
            }
            row[i] =
                shape->subtract ? -join(-row[i], d, shape->blend) : join(row[i], d, shape->blend);
        }
    }
}

void synth_stamp_polygon(const synth_scene *s,
                         float *field,
                         const float (*points)[2],
                         int count,
                         float wobble,
                         uint32_t seed)
{
    float x0 = points[0][0], x1 = x0, y0 = points[0][1], y1 = y0;
    for (int k = 1; k < count; k++) {
        x0 = fminf(x0, points[k][0]);
        x1 = fmaxf(x1, points[k][0]);
        y0 = fminf(y0, points[k][1]);
        y1 = fmaxf(y1, points[k][1]);
    }
    int size = s->size;
    int i0 = (int)((x0 - 0.08f) * (float)size), i1 = (int)((x1 + 0.08f) * (float)size);
    int j0 = (int)((y0 - 0.08f) * (float)size), j1 = (int)((y1 + 0.08f) * (float)size);
    i0 = i0 < 0 ? 0 : i0;
    j0 = j0 < 0 ? 0 : j0;
    i1 = i1 > size ? size : i1;
    j1 = j1 > size ? size : j1;
    for (int j = j0; j < j1; j++) {
        for (int i = i0; i < i1; i++) {
            float x = ((float)i + 0.5f) * s->pixel, y = ((float)j + 0.5f) * s->pixel;
            float nearest = 4;
            bool inside = false;
            for (int k = 0, m = count - 1; k < count; m = k++) {
                float ax = points[m][0], ay = points[m][1], bx = points[k][0], by = points[k][1];
                float vx = bx - ax, vy = by - ay, length = vx * vx + vy * vy;
                float t =
                    length > 0 ? synth_clamp(((x - ax) * vx + (y - ay) * vy) / length, 0, 1) : 0;
                float dx = x - ax - t * vx, dy = y - ay - t * vy;
                nearest = fminf(nearest, dx * dx + dy * dy);
                if ((ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax) {
                    inside = !inside;
                }
            }
            float d = inside ? -sqrtf(nearest) : sqrtf(nearest);
            d += wobble * synth_noise_at(seed, x * 40, y * 40);
            float *value = field + (size_t)j * (size_t)size + (size_t)i;
            *value = fminf(*value, d);
        }
    }
}

/* exp(-x) for x >= 0, within 0.5% of the full signal, which no eye or network sees. */
static float decay(float x)
{
    float q = 1 + x * (0.25f + x * 0.03125f);
    q *= q;
    return 1 / (q * q);
}

void synth_paint(synth_scene *s, const float *field, const synth_look *look, float alpha)
{
    float wall = fmaxf(look->wall, s->pixel);
    float inverse = 1 / wall;
    float reach_in = fmaxf(look->reach_in, 0.4f * s->pixel),
          reach_out = fmaxf(look->reach_out, 0.4f * s->pixel);
    float glow_in = look->glow_in * alpha, glow_out = look->glow_out * alpha;
    for (size_t i = 0; i < s->count; i++) {
        float d = field[i];
        if (d < 0.5f * wall) {
            float t = synth_clamp(0.5f - d * inverse, 0, 1);
            float cover = t * t * (3 - 2 * t) * alpha;
            s->level[i] += (look->level - s->level[i]) * cover;
            s->height[i] += look->height * cover;
            if (d < -reach_out) {
                s->glow[i] *= 1 - cover; /* what lies below does not shine through */
            }
        }
        if (d < 0) {
            if (d > -7 * reach_in) {
                s->glow[i] += glow_in * decay(-d / reach_in);
            }
        } else if (d < 7 * reach_out) {
            s->glow[i] += glow_out * decay(d / reach_out);
        }
    }
}

synth_look synth_look_of(synth_scene *s, float level)
{
    synth_look look = {.level = level};
    look.height = synth_log(s, 0.004f, 0.04f);
    look.wall = synth_log(s, 0.004f, 0.02f);
    look.glow_in = synth_uniform(s, 0, 0.35f);
    look.glow_out = synth_uniform(s, 0, 0.12f);
    look.reach_in = synth_log(s, 0.004f, 0.02f);
    look.reach_out = synth_log(s, 0.003f, 0.015f);
    look.grain = synth_uniform(s, 0, 0.1f);
    return look;
}

static float at(const synth_scene *s, float x, float y)
{
    int i = (int)(x * (float)s->size), j = (int)(y * (float)s->size);
    i = i < 0 ? 0 : i > s->size - 1 ? s->size - 1 : i;
    j = j < 0 ? 0 : j > s->size - 1 ? s->size - 1 : j;
    return s->field[(size_t)j * (size_t)s->size + (size_t)i];
}

/* Steps from a point until the sign of the field changes;
 * the distance, or 2 when the frame ends first. */
static float march(const synth_scene *s, float x, float y, float dx, float dy, bool inside)
{
    for (float t = 0;; t += 0.5f * s->pixel) {
        float px = x + t * dx, py = y + t * dy;
        if (px < 0 || px > 1 || py < 0 || py > 1) {
            return 2;
        }
        if ((at(s, px, py) < 0) != inside) {
            return t;
        }
    }
}

bool synth_probe(
    synth_scene *s, bool inside, float limit, float *x, float *y, float *dx, float *dy, float *half)
{
    for (int attempt = 0; attempt < 60; attempt++) {
        /* Reviewed defects sit near the middle more often than not. */
        float reach = attempt < 20 && (attempt & 1) ? 0.18f : 0.38f;
        float px = 0.5f + synth_uniform(s, -reach, reach),
              py = 0.5f + synth_uniform(s, -reach, reach);
        if ((at(s, px, py) < 0) != inside) {
            continue;
        }
        /* The shortest chord through the point, of 16 directions, crosses the feature; its middle
         * is on the ridge. */
        float best = 4, best_x = 0, best_y = 0, shift = 0;
        float turn = synth_uniform(s, 0, 0.19f);
        for (int k = 0; k < 16; k++) {
            float angle = turn + (float)k * 0.19635f, cx = cosf(angle), cy = sinf(angle);
            float forward = march(s, px, py, cx, cy, inside);
            if (forward >= best) {
                continue;
            }
            float backward = march(s, px, py, -cx, -cy, inside);
            if (forward + backward < best) {
                best = forward + backward;
                best_x = cx;
                best_y = cy;
                shift = 0.5f * (forward - backward);
            }
        }
        if (best < 2 * limit) {
            *x = px + shift * best_x;
            *y = py + shift * best_y;
            *dx = best_x;
            *dy = best_y;
            *half = 0.5f * best;
            return true;
        }
    }
    return false;
}
