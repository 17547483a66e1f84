/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/dev/rtc.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "common/clock.h"
#include "vmm/vm.h"

enum {
	REG_SECONDS = 0x00,
	REG_MINUTES = 0x02,
	REG_HOURS = 0x04,
	REG_WEEKDAY = 0x06,
	REG_DAY = 0x07,
	REG_MONTH = 0x08,
	REG_YEAR = 0x09,
	REG_A = 0x0a,
	REG_B = 0x0b,
	REG_C = 0x0c,
	REG_D = 0x0d,
	REG_COUNT = 0x80,
};

enum {
	A_DIVIDER = 0x26, /* 32768 Hz, and the usual rate */
	A_UPDATING = 1 << 7,
	A_KEPT = 0x7f,
	B_24_HOURS = 1 << 1,
	B_BINARY = 1 << 2,
	C_NO_INTERRUPT = 0,
	D_VALID = 1 << 7, /* the battery is good */
	HOUR_PM = 1 << 7,
	INDEX_MASK = 0x7f, /* bit 7 masks the NMI, which we do not have */
};

static const uint64_t update_ns = 244 * NSEC_PER_USEC;

struct rtc {
	uint64_t (*realtime_ns)(void);
	struct vm_device device;
	pthread_mutex_t lock; /* guards the rest */
	uint8_t index;
	uint8_t memory[REG_COUNT]; /* what has no meaning of its own, A and B */
};

static uint8_t encode(const struct rtc *rtc, int value)
{
	if (rtc->memory[REG_B] & B_BINARY)
		return (uint8_t)value;
	return (uint8_t)(value / 10 << 4 | value % 10);
}

static uint8_t encode_hour(const struct rtc *rtc, int hour)
{
	if (rtc->memory[REG_B] & B_24_HOURS)
		return encode(rtc, hour);
	return encode(rtc, (hour + 11) % 12 + 1) | (hour >= 12 ? HOUR_PM : 0);
}

static uint8_t read_time_locked(const struct rtc *rtc, unsigned index, uint64_t now_ns)
{
	time_t seconds = (time_t)(now_ns / NSEC_PER_SEC);
	struct tm tm = {0};

	gmtime_r(&seconds, &tm);
	switch (index) {
	case REG_SECONDS:
		return encode(rtc, tm.tm_sec);
	case REG_MINUTES:
		return encode(rtc, tm.tm_min);
	case REG_HOURS:
		return encode_hour(rtc, tm.tm_hour);
	case REG_WEEKDAY:
		return encode(rtc, tm.tm_wday + 1);
	case REG_DAY:
		return encode(rtc, tm.tm_mday);
	case REG_MONTH:
		return encode(rtc, tm.tm_mon + 1);
	case REG_YEAR:
		return encode(rtc, tm.tm_year % 100);
	}
	return encode(rtc, tm.tm_year / 100 + 19); /* RTC_CENTURY */
}

static uint8_t read_locked(const struct rtc *rtc, unsigned index)
{
	uint64_t now_ns = rtc->realtime_ns();
	bool updating = now_ns % NSEC_PER_SEC >= NSEC_PER_SEC - update_ns;

	switch (index) {
	case REG_SECONDS:
	case REG_MINUTES:
	case REG_HOURS:
	case REG_WEEKDAY:
	case REG_DAY:
	case REG_MONTH:
	case REG_YEAR:
	case RTC_CENTURY:
		return read_time_locked(rtc, index, now_ns);
	case REG_A:
		return rtc->memory[REG_A] | (updating ? A_UPDATING : 0);
	case REG_C:
		return C_NO_INTERRUPT;
	case REG_D:
		return D_VALID;
	}
	return rtc->memory[index];
}

/* What is read from elsewhere may be written over: nobody looks at it. */
static void write_locked(struct rtc *rtc, unsigned index, uint8_t value)
{
	rtc->memory[index] = index == REG_A ? value & A_KEPT : value;
}

static void access_locked(struct rtc *rtc, unsigned offset, bool write, uint8_t *value)
{
	if (offset == 0) {
		if (write)
			rtc->index = *value & INDEX_MASK;
		else
			*value = rtc->index;
	} else if (write) {
		write_locked(rtc, rtc->index, *value);
	} else {
		*value = read_locked(rtc, rtc->index);
	}
}

/* Eight-bit registers: a word written to the index port is an index and its value. */
static void on_access(
	void *arg, struct vcpu *vcpu, uint16_t offset, unsigned size, bool write, uint32_t *value)
{
	struct rtc *rtc = arg;

	pthread_mutex_lock(&rtc->lock);
	for (unsigned i = 0; i < size && offset + i < RTC_PORTS; i++) {
		uint8_t byte = (uint8_t)(*value >> i * 8);

		access_locked(rtc, offset + i, write, &byte);
		*value = (*value & ~(0xffu << i * 8)) | (uint32_t)byte << i * 8;
	}
	pthread_mutex_unlock(&rtc->lock);
}

static void set_power_on_locked(struct rtc *rtc)
{
	rtc->index = 0;
	memset(rtc->memory, 0, sizeof(rtc->memory));
	rtc->memory[REG_A] = A_DIVIDER;
	rtc->memory[REG_B] = B_24_HOURS;
}

static void reset(struct vm_device *device)
{
	struct rtc *rtc = container_of(device, struct rtc, device);

	pthread_mutex_lock(&rtc->lock);
	set_power_on_locked(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

int rtc_new(struct vm *vm, uint64_t (*realtime_ns)(void), struct rtc **ret_rtc)
{
	struct rtc *rtc = calloc(1, sizeof(*rtc));
	int r;

	if (!rtc)
		return -ENOMEM;
	rtc->realtime_ns = realtime_ns;
	rtc->device.reset = reset;
	pthread_mutex_init(&rtc->lock, NULL);
	set_power_on_locked(rtc);
	r = iobus_add(&vm->iobus, RTC_PORT, RTC_PORTS, "rtc", on_access, rtc);
	if (r < 0) {
		rtc_free(rtc);
		return r;
	}
	vm_add_device(vm, &rtc->device);
	*ret_rtc = rtc;
	return 0;
}

struct rtc *rtc_free(struct rtc *rtc)
{
	if (!rtc)
		return NULL;
	pthread_mutex_destroy(&rtc->lock);
	free(rtc);
	return NULL;
}
