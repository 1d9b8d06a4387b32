/* A milter that takes the events that readdress-milter takes, and does nothing: noop SOCKET */

#include <stdio.h>
#include <string.h>

#include <libmilter/mfapi.h>

static sfsistat negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long a, unsigned long b,
                          unsigned long *wanted_actions, unsigned long *wanted_steps, unsigned long *c, unsigned long *d)
{
    (void)ctx, (void)a, (void)b;
    *wanted_actions = actions & (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGFROM | SMFIF_ADDRCPT_PAR | SMFIF_DELRCPT);
    *wanted_steps = steps & (SMFIP_NOBODY | SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NOEOH | SMFIP_NOHELO | SMFIP_NR_HDR |
                             SMFIP_HDR_LEADSPC);
    *c = *d = 0;
    return SMFIS_CONTINUE;
}

static sfsistat on_connect(SMFICTX *ctx, char *name, struct sockaddr *address)
{
    (void)ctx, (void)name, (void)address;
    return SMFIS_CONTINUE;
}

static sfsistat on_path(SMFICTX *ctx, char **args)
{
    (void)ctx, (void)args;
    return SMFIS_CONTINUE;
}

static sfsistat on_field(SMFICTX *ctx, char *name, char *value)
{
    (void)ctx, (void)name, (void)value;
    return SMFIS_NOREPLY;
}

static sfsistat on_end(SMFICTX *ctx)
{
    (void)ctx;
    return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
    static char name[] = "noop";
    struct smfiDesc description;

    memset(&description, 0, sizeof description);
    description.xxfi_name = name;
    description.xxfi_version = SMFI_VERSION;
    description.xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGFROM | SMFIF_ADDRCPT_PAR | SMFIF_DELRCPT;
    description.xxfi_negotiate = negotiate;
    description.xxfi_connect = on_connect;
    description.xxfi_envfrom = on_path;
    description.xxfi_envrcpt = on_path;
    description.xxfi_header = on_field;
    description.xxfi_eom = on_end;
    if (argc != 2 || smfi_register(description) != MI_SUCCESS || smfi_setconn(argv[1]) != MI_SUCCESS) {
        fprintf(stderr, "usage: noop SOCKET\n");
        return 64;
    }
    return smfi_main() == MI_SUCCESS ? 0 : 75;
}
