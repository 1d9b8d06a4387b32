// The header in C++11: included twice, with casts of the old style forbidden, and linked.

#include "readdress.h"
#include "readdress.h"

#include <cstdint>
#include <cstring>

int main()
{
    readdress_session session = {};
    readdress_error error;
    readdress_engine *engine = nullptr;
    if (readdress_engine_open("/no/such/map", 0, &engine, &error) != READDRESS_E_IO || engine != nullptr)
        return 1;
    session.direction = READDRESS_OUTBOUND;
    if (readdress_rewrite(engine, &session, nullptr, 0, nullptr, &error) != READDRESS_E_ARGUMENT)
        return 1;
    const std::uint32_t all = READDRESS_FLAG_BARE_LF | READDRESS_FLAG_NO_FROM | READDRESS_FLAG_NUL;
    return std::strcmp(readdress_flag_name(all & READDRESS_FLAG_NUL), "nul") == 0 ? 0 : 1;
}
