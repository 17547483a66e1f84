/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/sint_route.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "vmm/event.h"
#include "vmm/gsi.h"
#include "vmm/synic_info.h"
#include "vmm/vm.h"

/*
 * References: each sint_route_get() one, and one for a message in flight, from the post
 * until its callback has returned. The last one can only be dropped under sint_routes.lock, under
 * which _get() looks for a route: a route that is found is alive.
 *
 * The staged message belongs to whoever moved `state`: the poster from FREE to BUSY, the SynIC (or
 * sint_route_cancel()) from BUSY to POSTED, the main loop from POSTED to FREE. Only the owner
 * touches entry, done and arg; nobody else can complete a message, an ack least of all.
 */
struct sint_route {
	struct vm *vm;       /* borrows */
	struct synic *synic; /* borrows (outlived by vm) */
	uint8_t sint;
	uint32_t gsi;
	int set_fd;      /* -1: the backend has no irqfd */
	int resample_fd; /* mode kernel: KVM signals it at EOM and EOI; else -1 */
	_Atomic unsigned references;

	/* Guarded by synic->lock. */
	uint8_t msi_vector; /* what set_fd raises, 0: nothing */
	int ack_fd;         /* -1: nobody asked for it */
	uint64_t acks;

	_Atomic int state; /* enum staged_state */
	struct synic_entry entry;
	struct loop_work completion;
	_Atomic int status; /* valid while POSTED */
	sint_route_done_fn done;
	void *arg;
	_Atomic uint64_t posted_ns; /* valid while not FREE */
	_Atomic uint64_t sets, posts, completions, refused;
};

static void on_resample(struct fdset *set, uint64_t key);

int sint_routes_init(struct sint_routes *routes, struct vm *vm)
{
	int r = 0;

	*routes = (struct sint_routes){.vm = vm};
	pthread_mutex_init(&routes->lock, NULL);
	if (vm->synic_mode == SYNIC_MODE_KERNEL)
		r = fdset_init(&routes->acks, vm->loop, on_resample);
	return r;
}

void sint_routes_deinit(struct sint_routes *routes)
{
	if (!routes->vm)
		return;
	assert(routes->count == 0);
	fdset_deinit(&routes->acks);
	pthread_mutex_destroy(&routes->lock);
	routes->vm = NULL;
}

/* ---- routing ----------------------------------------------------------- */

/* What the GSI has to raise now: 0 when the SINT cannot be asserted by MSI, or KVM knows it. */
static uint8_t wanted_vector_locked(const struct sint_route *route)
{
	uint8_t vector;
	bool auto_eoi;

	if (route->set_fd < 0 || synic_is_kernel(route->synic) ||
		synic_vector_locked(route->synic, route->sint, &vector, &auto_eoi) != 0)
		return 0;
	return auto_eoi ? 0 : vector;
}

static struct gsi_entry msi_entry(const struct sint_route *route, uint8_t vector)
{
	if (vector == 0)
		return (struct gsi_entry){.kind = GSI_NONE};
	return (struct gsi_entry){
		.kind = GSI_MSI,
		.vp = route->synic->vcpu->index,
		.vector = vector,
	};
}

/*
 * While the table is being changed msi_vector is 0, and interrupts take the direct way: a vector
 * is never raised through a GSI that may still point elsewhere.
 */
static void update_locked(struct sint_route *route)
{
	struct synic *synic = route->synic;
	struct gsi_entry entry;
	uint8_t vector;
	int r;

	pthread_mutex_lock(&synic->lock);
	vector = wanted_vector_locked(route);
	if (vector == route->msi_vector) {
		pthread_mutex_unlock(&synic->lock);
		return;
	}
	route->msi_vector = 0;
	pthread_mutex_unlock(&synic->lock);

	entry = msi_entry(route, vector);
	r = gsi_route(&route->vm->gsis, route->gsi, &entry);

	pthread_mutex_lock(&synic->lock);
	if (r == 0)
		route->msi_vector = vector;
	else
		synic->sint[route->sint].last_error = r;
	pthread_mutex_unlock(&synic->lock);
}

void sint_routes_update(struct sint_routes *routes, uint32_t vp, uint8_t vtl, uint8_t sint)
{
	struct synic *synic = synic_find(routes->vm, vp, vtl);

	if (!synic || sint >= HV_SINT_COUNT)
		return;
	pthread_mutex_lock(&routes->lock);
	if (synic->sint[sint].route)
		update_locked(synic->sint[sint].route);
	pthread_mutex_unlock(&routes->lock);
}

/* ---- life -------------------------------------------------------------- */

static void complete_on_loop(struct loop_work *work);
static void staged_done(struct synic_entry *entry, int status);

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* The SINT's GSI, taken when it is first wanted and kept. In mode kernel it stays routed, too. */
static int sint_gsi(struct synic *synic, uint8_t sint)
{
	const struct gsi_entry entry = {
		.kind = synic_is_kernel(synic) ? GSI_HV_SINT : GSI_NONE,
		.vp = synic->vcpu->index,
		.sint = sint,
	};
	uint32_t gsi;
	int r;

	if (synic->sint[sint].gsi)
		return 0;
	r = gsi_alloc(&synic->vm->gsis, &entry, &gsi);
	if (r == 0)
		synic->sint[sint].gsi = gsi;
	return r;
}

int sint_routes_need_gsi(struct sint_routes *routes, struct synic *synic, uint8_t sint)
{
	int r;

	if (!synic_is_kernel(synic) || synic->sint[sint].gsi)
		return 0;
	pthread_mutex_lock(&routes->lock);
	r = sint_gsi(synic, sint);
	pthread_mutex_unlock(&routes->lock);
	return r;
}

static int new_eventfd(int *ret_fd)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static uint64_t ack_key(const struct sint_route *route)
{
	return (uint64_t)route->synic->vcpu->index * HV_SINT_COUNT + route->sint;
}

/* What it made before it failed remains to be closed. */
static int bind_irqfd(struct sint_route *route)
{
	struct vm *vm = route->vm;
	int r;

	if (!vm->accel->irqfd)
		return 0;
	r = new_eventfd(&route->set_fd);
	if (r == 0 && synic_is_kernel(route->synic))
		r = new_eventfd(&route->resample_fd);
	if (r == 0)
		r = vm->accel->irqfd(vm, route->set_fd, route->resample_fd, route->gsi, true);
	if (r < 0 || route->resample_fd < 0)
		return r;
	r = fdset_add_silent(&vm->routes.acks, route->resample_fd, ack_key(route));
	if (r < 0)
		(void)!vm->accel->irqfd(vm, route->set_fd, -1, route->gsi, false);
	return r;
}

static void close_fds(struct sint_route *route)
{
	close_fd(route->set_fd);
	close_fd(route->resample_fd);
	close_fd(route->ack_fd);
}

static void publish(struct sint_route *route, struct sint_route *value)
{
	struct synic *synic = route->synic;

	pthread_mutex_lock(&synic->lock);
	synic->sint[route->sint].route = value;
	pthread_mutex_unlock(&synic->lock);
}

/* sint_routes.lock is held, here and below, so that the GSI has one owner at a time. */
static int route_new(
	struct vm *vm, struct synic *synic, uint8_t sint, struct sint_route **ret_route)
{
	CLEANUP(free) struct sint_route *route = calloc(1, sizeof(*route));
	int r;

	if (!route)
		return -ENOMEM;
	r = sint_gsi(synic, sint);
	if (r < 0)
		return r;
	route->vm = vm;
	route->synic = synic;
	route->sint = sint;
	route->gsi = synic->sint[sint].gsi;
	route->set_fd = route->resample_fd = route->ack_fd = -1;
	route->references = 1;
	route->completion.run = complete_on_loop;
	route->entry.staged = true;
	route->entry.done = staged_done;
	r = bind_irqfd(route);
	if (r < 0) {
		close_fds(route);
		return r;
	}
	vm->routes.count++;
	publish(route, route);
	update_locked(route);
	*ret_route = TAKE_PTR(route);
	return 0;
}

/* Best effort: nobody writes the eventfd any more, the GSI stays the SINT's. */
static void unbind_irqfd(struct sint_route *route)
{
	const struct gsi_entry none = {.kind = GSI_NONE};
	struct vm *vm = route->vm;

	if (route->set_fd < 0)
		return;
	(void)!vm->accel->irqfd(vm, route->set_fd, -1, route->gsi, false);
	if (route->resample_fd >= 0)
		fdset_remove(&vm->routes.acks, route->resample_fd);
	if (!synic_is_kernel(route->synic))
		(void)!gsi_route(&vm->gsis, route->gsi, &none);
}

static void route_destroy(struct sint_route *route)
{
	publish(route, NULL);
	route->vm->routes.count--;
	unbind_irqfd(route);
	close_fds(route);
	free(route);
}

static struct sint_route *route_ref(struct sint_route *route)
{
	atomic_fetch_add_explicit(&route->references, 1, memory_order_relaxed);
	return route;
}

int sint_route_get(
	struct vm *vm, uint32_t vp, uint8_t vtl, uint8_t sint, struct sint_route **ret_route)
{
	struct synic *synic = synic_find(vm, vp, vtl);
	int r = 0;

	if (vtl >= HV_VTL_COUNT || sint >= HV_SINT_COUNT)
		return -EINVAL;
	if (!synic)
		return -ENOENT;
	pthread_mutex_lock(&vm->routes.lock);
	if (synic->sint[sint].route)
		*ret_route = route_ref(synic->sint[sint].route);
	else
		r = route_new(vm, synic, sint, ret_route);
	pthread_mutex_unlock(&vm->routes.lock);
	return r;
}

/* False when this would be the last reference. */
static bool drop_but_last(struct sint_route *route)
{
	unsigned references = atomic_load(&route->references);

	while (references > 1) {
		if (atomic_compare_exchange_weak(&route->references, &references, references - 1))
			return true;
	}
	return false;
}

struct sint_route *sint_route_unref(struct sint_route *route)
{
	struct sint_routes *routes;

	if (!route || drop_but_last(route))
		return NULL;
	routes = &route->vm->routes;
	pthread_mutex_lock(&routes->lock);
	if (atomic_fetch_sub(&route->references, 1) == 1)
		route_destroy(route);
	pthread_mutex_unlock(&routes->lock);
	return NULL;
}

/* ---- the staged message ------------------------------------------------ */

static uint64_t age_ns(const struct sint_route *route)
{
	return clock_now_ns(route->vm->clock) - atomic_load(&route->posted_ns);
}

static void record_move(
	const struct sint_route *route, enum staged_state from, enum staged_state to, int status)
{
	const struct synic *synic = route->synic;

	hv_record(route->vm->recorder, HV_EVENT_STAGED, synic->vcpu->index, synic->vtl, route->sint,
		from, to, (uint64_t)(int64_t)status, route->entry.message.header.type,
		age_ns(route));
}

/* POSTED -> FREE, and only then the callback, which may post again. */
static void complete_on_loop(struct loop_work *work)
{
	struct sint_route *route = container_of(work, struct sint_route, completion);
	sint_route_done_fn done = route->done;
	void *arg = route->arg;
	int status = atomic_load(&route->status);

	record_move(route, STAGED_POSTED, STAGED_FREE, status);
	atomic_fetch_add_explicit(&route->completions, 1, memory_order_relaxed);
	atomic_store(&route->state, STAGED_FREE);
	if (done)
		done(route, status, arg);
	sint_route_unref(route);
}

/* BUSY -> POSTED. The reference of the message in flight goes with the scheduled completion. */
static void staged_done(struct synic_entry *entry, int status)
{
	struct sint_route *route = container_of(entry, struct sint_route, entry);

	record_move(route, STAGED_BUSY, STAGED_POSTED, status);
	atomic_store(&route->status, status);
	atomic_store(&route->state, STAGED_POSTED);
	loop_defer(route->vm->loop, &route->completion);
}

static bool acquire_staged(struct sint_route *route)
{
	int free_state = STAGED_FREE;

	return atomic_compare_exchange_strong(&route->state, &free_state, STAGED_BUSY);
}

static int refuse(struct sint_route *route, int r)
{
	atomic_fetch_add_explicit(&route->refused, 1, memory_order_relaxed);
	return r;
}

int sint_route_post(struct sint_route *route, const struct hv_message *message,
	enum sint_post_mode mode, sint_route_done_fn done, void *arg)
{
	int r;

	if (!acquire_staged(route))
		return refuse(route, -EAGAIN);
	route->entry.message = *message;
	route->entry.once = mode == SINT_POST_ONCE;
	route->done = done;
	route->arg = arg;
	atomic_store(&route->posted_ns, clock_now_ns(route->vm->clock));
	route_ref(route);
	record_move(route, STAGED_FREE, STAGED_BUSY, 0);
	r = synic_post(route->synic, route->sint, &route->entry);
	if (r == 0) {
		atomic_fetch_add_explicit(&route->posts, 1, memory_order_relaxed);
		return 0;
	}
	record_move(route, STAGED_BUSY, STAGED_FREE, r);
	atomic_store(&route->state, STAGED_FREE);
	sint_route_unref(route);
	return refuse(route, r);
}

void sint_route_cancel(struct sint_route *route)
{
	if (synic_withdraw(route->synic, route->sint, &route->entry))
		staged_done(&route->entry, -ECANCELED);
}

/* ---- set and ack ------------------------------------------------------- */

/* EAGAIN: the counter is at its end, so the interrupt is pending already. */
static int signal_fd(int fd)
{
	if (eventfd_write(fd, 1) < 0 && errno != EAGAIN)
		return -errno;
	return 0;
}

/* Through the eventfd, if the GSI raises what the SINT asks for now. */
static bool set_by_fd(struct sint_route *route, int *ret_status)
{
	struct synic *synic = route->synic;
	uint8_t vector;

	pthread_mutex_lock(&synic->lock);
	vector = wanted_vector_locked(route);
	if (vector != 0 && vector == route->msi_vector)
		*ret_status = signal_fd(route->set_fd);
	else
		vector = 0;
	if (vector)
		synic_raised_locked(synic, route->sint, vector, false, *ret_status);
	pthread_mutex_unlock(&synic->lock);
	return vector != 0;
}

int sint_route_set(struct sint_route *route)
{
	int r;

	if (!set_by_fd(route, &r))
		r = synic_assert(route->synic, route->sint);
	if (r == 0)
		atomic_fetch_add_explicit(&route->sets, 1, memory_order_relaxed);
	return r;
}

static void count_acks_locked(struct sint_route *route, uint64_t count)
{
	route->acks += count;
	if (route->ack_fd >= 0)
		(void)!signal_fd(route->ack_fd); /* a reader far behind loses nothing */
}

void sint_route_acked_locked(struct sint_route *route)
{
	count_acks_locked(route, 1);
}

void sint_route_take_acks_locked(struct sint_route *route)
{
	const struct synic *synic = route->synic;
	eventfd_t count;

	if (route->resample_fd < 0 || eventfd_read(route->resample_fd, &count) < 0)
		return;
	hv_record(route->vm->recorder, HV_EVENT_SINT_ACK, synic->vcpu->index, synic->vtl,
		route->sint, count);
	count_acks_locked(route, count);
	if (route->ack_fd >= 0)
		sint_route_await_ack_locked(route);
}

void sint_route_await_ack_locked(struct sint_route *route)
{
	if (route->resample_fd >= 0)
		fdset_arm(&route->vm->routes.acks, route->resample_fd, ack_key(route));
}

static void on_resample(struct fdset *set, uint64_t key)
{
	struct sint_routes *routes = container_of(set, struct sint_routes, acks);

	synic_kernel_acked(synic_find(routes->vm, key / HV_SINT_COUNT, 0), key % HV_SINT_COUNT);
}

int sint_route_set_fd(const struct sint_route *route)
{
	return route->set_fd;
}

int sint_route_ack_fd(struct sint_route *route)
{
	int r = 0;

	pthread_mutex_lock(&route->synic->lock);
	if (route->ack_fd < 0) {
		sint_route_take_acks_locked(route); /* counted, but told to nobody */
		r = new_eventfd(&route->ack_fd);
	}
	if (r == 0) {
		sint_route_await_ack_locked(route);
		r = route->ack_fd;
	}
	pthread_mutex_unlock(&route->synic->lock);
	return r;
}

uint32_t sint_route_gsi(const struct sint_route *route)
{
	return route->gsi;
}

/* ---- inspection -------------------------------------------------------- */

void sint_route_status(struct sint_route *route, struct sint_route_status *ret_status)
{
	struct synic *synic = route->synic;

	pthread_mutex_lock(&synic->lock);
	ret_status->state = (enum staged_state)atomic_load(&route->state);
	ret_status->slot_busy = route->entry.state == SYNIC_ENTRY_QUEUED &&
				synic->simp_page.enabled;
	ret_status->status = 0;
	if (ret_status->state == STAGED_POSTED)
		ret_status->status = atomic_load(&route->status);
	else if (ret_status->slot_busy)
		ret_status->status = -EAGAIN;
	ret_status->age_ns = ret_status->state == STAGED_FREE ? 0 : age_ns(route);
	pthread_mutex_unlock(&synic->lock);
}

static void fill_staged(struct sint_route *route, struct staged_info *ret_info)
{
	const struct synic_entry *entry = &route->entry;
	struct sint_route_status status;

	sint_route_status(route, &status);
	*ret_info = (struct staged_info){
		.state = status.state,
		.status = status.status,
		.slot_busy = status.slot_busy,
		.age_ns = status.state == STAGED_FREE ? UINT64_MAX : status.age_ns,
	};
	pthread_mutex_lock(&route->synic->lock);
	if (entry->state == SYNIC_ENTRY_QUEUED) {
		ret_info->type = entry->message.header.type;
		ret_info->payload_size = entry->message.header.payload_size;
	}
	pthread_mutex_unlock(&route->synic->lock);
}

static void fill_route(struct sint_route *route, struct route_info *ret_info)
{
	struct synic *synic = route->synic;

	/* What KVM has added up shows here, and whoever waits for it does not miss it. */
	if (route->resample_fd >= 0)
		synic_kernel_acked(synic, route->sint);
	*ret_info = (struct route_info){
		.vp = synic->vcpu->index,
		.vtl = synic->vtl,
		.sint = route->sint,
		.gsi = route->gsi,
		.refcount = atomic_load(&route->references),
		.sets = atomic_load_explicit(&route->sets, memory_order_relaxed),
		.posts = atomic_load_explicit(&route->posts, memory_order_relaxed),
		.completions = atomic_load_explicit(&route->completions, memory_order_relaxed),
		.refused = atomic_load_explicit(&route->refused, memory_order_relaxed),
	};
	fill_staged(route, &ret_info->staged);
	pthread_mutex_lock(&synic->lock);
	ret_info->ack = route->ack_fd >= 0;
	ret_info->acks = route->acks;
	pthread_mutex_unlock(&synic->lock);
}

static int get_route(void *owner, const uint64_t *key, void *ret_info)
{
	struct vm *vm = owner;
	struct synic *synic = synic_find(vm, key[0], key[2]);
	int r = -ENOENT;

	if (!synic || key[1] >= HV_SINT_COUNT)
		return -ENOENT;
	pthread_mutex_lock(&vm->routes.lock);
	if (synic->sint[key[1]].route) {
		fill_route(synic->sint[key[1]].route, ret_info);
		r = 0;
	}
	pthread_mutex_unlock(&vm->routes.lock);
	return r;
}

static void list_routes(void *owner, const uint64_t *key, unsigned fixed, const uint64_t *after,
	node_visit_fn visit, void *arg)
{
	vp_grid_list(owner, HV_SINT_COUNT, get_route, key, fixed, after, visit, arg);
}

static const char *const staged_states[] = {"free", "busy", "posted", NULL};

static const struct field staged_fields[] = {
	{FIELD_E(struct staged_info, state, 0, staged_states,
		"free: a message can be posted. busy: one waits for its slot. posted: its result is "
		"on the way to the sender.")},
	{FIELD_I(struct staged_info, status, 0,
		"Result while posted: 0, or a negative errno. While busy, -11 (EAGAIN): the slot is "
		"occupied.")},
	{FIELD_X(struct staged_info, type, 0, "Message type of the waiting message, 0x0 if none.")},
	{FIELD_U(struct staged_info, payload_size, 0, "Payload bytes of the waiting message.")},
	{FIELD_B(struct staged_info, slot_busy, 0,
		"The message waits behind an occupied slot: the guest must free it and write EOM.")},
	{FIELD_U(struct staged_info, age_ns, FIELD_NULLABLE,
		"Time since the post; null when free.")},
};
static const struct field_table staged_table = FIELD_TABLE(
	struct staged_info, "staged", "The staged message of a SINT route.", staged_fields);

static const struct field route_fields[] = {
	{FIELD_U(struct route_info, vp, 0, "Virtual processor index of the target.")},
	{FIELD_U(struct route_info, vtl, 0, "Virtual trust level of the target.")},
	{FIELD_U(struct route_info, sint, 0, "Synthetic interrupt source of the target, 0-15.")},
	{FIELD_U(struct route_info, gsi, 0,
		"Global system interrupt that raises the SINT; it stays the SINT's for the VM's life.")},
	{FIELD_U(struct route_info, refcount, 0,
		"References: one per holder, one for a message in flight.")},
	{FIELD_B(struct route_info, ack, 0, "Somebody asked for an eventfd that tells each EOM.")},
	{FIELD_O(struct route_info, staged, 0, &staged_table, "The staged message.")},
	{FIELD_U(struct route_info, sets, 0,
		"Interrupts asserted through the route, without message.")},
	{FIELD_U(struct route_info, acks, 0,
		"EOM writes seen while the route existed; in mode kernel also EOIs of its vector.")},
	{FIELD_U(struct route_info, posts, 0, "Messages accepted.")},
	{FIELD_U(struct route_info, completions, 0,
		"Messages whose result was told to the sender.")},
	{FIELD_U(struct route_info, refused, 0,
		"Posts refused, mostly because a message was in flight.")},
};
static const struct field_table route_table = FIELD_TABLE(struct route_info, "route",
	"A SINT route: the host's way to one (VP, VTL, SINT).", route_fields);

const struct node_class route_node_class = {
	.path = "routes/{vp}/{sint}",
	.fields = &route_table,
	.key_count = 2,
	.query_key = "vtl",
	.get = get_route,
	.list = list_routes,
};
