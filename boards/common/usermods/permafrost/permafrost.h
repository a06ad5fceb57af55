// Modules in flash: README.md. mpconfigboard.h (or mpconfigvariant.h) includes permafrost_config.h.
#ifndef PERMAFROST_H
#define PERMAFROST_H

#include "py/bc.h"
#include "py/objtype.h"

#ifndef PERMAFROST_SLOTS
#error "the board's mpconfigboard.h must include permafrost_config.h"
#endif

// As mp_obj_new_type() has them. A class in flash counts as subclassed: nothing need be written when it is.
#define PERMAFROST_CLASS_FLAGS \
    (MP_TYPE_FLAG_EQ_NOT_REFLEXIVE | MP_TYPE_FLAG_EQ_CHECKS_OTHER_TYPE | MP_TYPE_FLAG_EQ_HAS_NEQ_TEST \
    | MP_TYPE_FLAG_ITER_IS_GETITER | MP_TYPE_FLAG_INSTANCE_TYPE | MP_TYPE_FLAG_IS_SUBCLASSED)

// A module that is no part of a package, or the outermost package.
typedef struct {
    qstr name;
    const mp_obj_module_t *module;
} permafrost_package_t;

// A module in RAM: what its globals begin with, and the body that then runs, or NULL.
typedef struct {
    qstr package;
    mp_module_constants_t constants;
    const mp_obj_dict_t *names;
    const void *body;
} permafrost_slot_t;

// In frozen_content.c; both end with a name of 0.
extern const permafrost_package_t permafrost_packages[];
extern const permafrost_slot_t permafrost_contents[];

// In the copy of py/objtype.c.
void instance_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind);
mp_obj_t mp_obj_instance_make_new(const mp_obj_type_t *self, size_t n_args, size_t n_kw, const mp_obj_t *args);
mp_obj_t instance_unary_op(mp_unary_op_t op, mp_obj_t self_in);
mp_obj_t instance_binary_op(mp_binary_op_t op, mp_obj_t lhs_in, mp_obj_t rhs_in);
void mp_obj_instance_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest);
mp_obj_t instance_subscr(mp_obj_t self_in, mp_obj_t index, mp_obj_t value);
mp_int_t instance_get_buffer(mp_obj_t self_in, mp_buffer_info_t *bufinfo, mp_uint_t flags);

#endif
